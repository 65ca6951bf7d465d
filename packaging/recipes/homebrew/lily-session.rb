# Builds the library from source with Homebrew on Linux, for a tap: `brew install --build-from-source ./lily-session.rb`.
class LilySession < Formula
  desc "Saves selected fields of a program's state and restores them at the next start"
  url "@BASE@/lily-session-@VERSION@.tar.gz"
  sha256 "@SHA256@"
  license all_of: ["MIT", "Apache-2.0" => { with: "Swift-exception" }]

  depends_on "pkgconf" => :build
  depends_on "swift" => :build
  depends_on "jansson"
  depends_on :linux

  def install
    system "make", "install", "PREFIX=#{prefix}"
  end

  test do
    (testpath/"test.c").write <<~C
      #include <lily_session.h>
      #include <stdio.h>
      int main(void) { return puts(lily_session_version()) < 0; }
    C
    system ENV.cc, "test.c", "-I#{include}", "-L#{lib}", "-llily_session", "-o", "test"
    assert_equal version.to_s, shell_output("./test").strip
  end
end

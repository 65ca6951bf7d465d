"""Packages the tarball of a target for Conan 2: `conan create build/recipes/conan`."""
from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, get

BASE = "@BASE@"
TARGETS = {"x86_64": ("amd64", "@SHA256_AMD64@"), "armv8": ("arm64", "@SHA256_ARM64@")}


class LilySession(ConanFile):
    name = "lily-session"
    version = "@VERSION@"
    description = "Saves selected fields of a program's state and restores them at the next start"
    license = "MIT"
    package_type = "shared-library"
    settings = "os", "arch"

    def requirements(self):
        # The library asks the system for libjansson.so.4, which this package brings.
        self.requires("jansson/[>=2.14]", options={"shared": True})

    def validate(self):
        if self.settings.os != "Linux" or self.settings.arch not in TARGETS:
            raise ConanInvalidConfiguration(f"lily-session has no tarball for {self.settings.os} on {self.settings.arch}")

    def build(self):
        machine, digest = TARGETS[str(self.settings.arch)]
        get(self, f"{BASE}/lily-session-{self.version}-{machine}-glibc.tar.gz", sha256=digest, strip_root=True)

    def package(self):
        copy(self, "*", f"{self.build_folder}/include", f"{self.package_folder}/include")
        copy(self, "*.so*", f"{self.build_folder}/lib", f"{self.package_folder}/lib")
        copy(self, "LICENSE*", f"{self.build_folder}/share/doc/lily-session", f"{self.package_folder}/licenses")

    def package_info(self):
        self.cpp_info.libs = ["lily_session"]
        self.cpp_info.set_property("cmake_file_name", "lily_session")
        self.cpp_info.set_property("cmake_target_name", "lily_session::lily_session")
        self.cpp_info.set_property("pkg_config_name", "lily_session")

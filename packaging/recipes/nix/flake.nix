# Builds the library from source, where nixpkgs has Swift 6.2 with Embedded Swift: `nix build ./build/recipes/nix`.
{
  description = "Saves selected fields of a program's state and restores them at the next start";
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  outputs = { self, nixpkgs }:
    let
      forEach = nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ];
    in {
      packages = forEach (system:
        let pkgs = nixpkgs.legacyPackages.${system}; in {
          default = pkgs.stdenv.mkDerivation {
            pname = "lily-session";
            version = "@VERSION@";
            src = pkgs.fetchurl {
              url = "@BASE@/lily-session-@VERSION@.tar.gz";
              sha256 = "@SHA256@";
            };
            nativeBuildInputs = [ pkgs.swift pkgs.pkg-config pkgs.lld ];
            buildInputs = [ pkgs.jansson ];
            makeFlags = [ "PREFIX=${placeholder "out"}" ];
            meta = {
              description = "Saves selected fields of a program's state and restores them at the next start";
              license = [ pkgs.lib.licenses.mit pkgs.lib.licenses.asl20 ];
              platforms = [ "x86_64-linux" "aarch64-linux" ];
            };
          };
        });
    };
}

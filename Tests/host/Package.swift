// swift-tools-version: 6.1
import PackageDescription

// Programs that depend on the package as any Swift program does. `both` also uses the shared library. check-host names its
// header and its folder on the command line, because a target of this package must lie inside it.
let package = Package(
  name: "host",
  dependencies: [.package(name: "lily-session", path: "../..")],
  targets: [
    .executableTarget(name: "both", dependencies: [.product(name: "LilySession", package: "lily-session")]),
  ],
  swiftLanguageModes: [.v6]
)

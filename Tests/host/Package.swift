// swift-tools-version: 6.1
import PackageDescription

// Programs that depend on the package as any Swift program does. `both` uses the shared library as well; check-host names
// its header and its folder on the command line, as no target of this package may lie outside of it.
let package = Package(
  name: "host",
  dependencies: [.package(name: "lily-session", path: "../..")],
  targets: [
    .executableTarget(name: "both", dependencies: [.product(name: "LilySession", package: "lily-session")]),
  ],
  swiftLanguageModes: [.v6]
)

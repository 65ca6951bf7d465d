// swift-tools-version: 6.2
import PackageDescription

// Programs that depend on the package as any Swift program does. `both` also uses the shared library, whose header is named by flags, because
// a target of this package must lie inside it. check-host names the library on the command line.
let include = Context.packageDirectory + "/../../include"

let package = Package(
  name: "host",
  dependencies: [.package(name: "lily-session", path: "../..")],
  targets: [
    .executableTarget(name: "both",
      dependencies: [.product(name: "LilySession", package: "lily-session")],
      swiftSettings: [.unsafeFlags(["-Xcc", "-fmodule-map-file=\(include)/module.modulemap", "-Xcc", "-I\(include)"])]),
  ],
  swiftLanguageModes: [.v6]
)

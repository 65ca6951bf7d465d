// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "examples",
  dependencies: [.package(name: "lily-session", path: "../..")],
  targets: [
    .executableTarget(name: "minimal", dependencies: [.product(name: "LilySession", package: "lily-session")]),
    .executableTarget(name: "counter", dependencies: [.product(name: "LilySession", package: "lily-session")]),
    .executableTarget(name: "members", dependencies: [.product(name: "LilySession", package: "lily-session")]),
    .executableTarget(name: "shop", dependencies: [.product(name: "LilySession", package: "lily-session")]),
    .executableTarget(name: "theme", dependencies: [.product(name: "LilySession", package: "lily-session")]),
    .executableTarget(name: "preferences", dependencies: [.product(name: "LilySession", package: "lily-session")]),
    .executableTarget(name: "custom", dependencies: [.product(name: "LilySession", package: "lily-session")]),
  ],
  swiftLanguageModes: [.v6]
)

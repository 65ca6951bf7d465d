// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that programs that use the library do not resolve what only the tool needs. `library` is a link to the
// repository: SwiftPM names packages by the last part of their path, and a clone may have the same name as this folder.
//
// Distributions build without network: they say where they have a swift-argument-parser of their own.
let argumentParser: Package.Dependency =
  if let path = Context.environment["LILY_SESSION_ARGUMENT_PARSER"] {
    .package(path: path)
  } else {
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  }

// With this, --store takes addresses of Redis and Valkey. It needs hiredis and OpenSSL. The library's package reads it, too.
let hasRedis = Context.environment["LILY_SESSION_WITH_REDIS"] ?? "" != ""

let package = Package(
  name: "lily-session-tool",
  dependencies: [
    .package(path: "library"),
    argumentParser,
  ],
  targets: [
    .systemLibrary(name: "CWidth"),
    .executableTarget(
      name: "lily-session",
      dependencies: [
        "CWidth",
        .product(name: "LilySession", package: "library"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ] + (hasRedis ? [.product(name: "LilySessionRedis", package: "library")] : []),
      swiftSettings: [.enableUpcomingFeature("ExistentialAny")] + (hasRedis ? [.define("REDIS")] : []))
  ],
  swiftLanguageModes: [.v6]
)

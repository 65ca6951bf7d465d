// swift-tools-version: 6.2
import PackageDescription

// This is the package for Swift programs, which depend on the product LilySession. scripts/library.mk builds the shared library for all other
// languages from the same sources, as Embedded Swift.
let settings: [SwiftSetting] = [.enableUpcomingFeature("ExistentialAny")]

// Sessions in Redis or Valkey. These targets need hiredis and OpenSSL, and `swift build` builds every target of a package. So they are there
// only if the environment asks for them by LILY_SESSION_WITH_REDIS=1.
let hasRedis = Context.environment["LILY_SESSION_WITH_REDIS"] ?? "" != ""

let redisTargets: [Target] = [
  .target(
    name: "CRedis", linkerSettings: [.linkedLibrary("hiredis"), .linkedLibrary("ssl"), .linkedLibrary("crypto")]),
  .target(
    name: "LilySessionRedis", dependencies: ["LilySession", "LilySessionC", "CLilySession", "CRedis"], exclude: ["exports.map"],
    swiftSettings: settings),
  .testTarget(name: "LilySessionRedisTests", dependencies: ["LilySession", "LilySessionRedis"]),
]

let package = Package(
  name: "lily-session",
  products: [
    .library(name: "LilySession", targets: ["LilySession"]),
  ] + (hasRedis ? [.library(name: "LilySessionRedis", targets: ["LilySessionRedis"])] : []),
  targets: [
    .systemLibrary(name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),
    .systemLibrary(name: "CLilySession", path: "include"),
    .target(
      name: "CPlatform",
      cSettings: [
        .define("_FORTIFY_SOURCE", to: "2", .when(configuration: .release)), // it wants an optimised build
      ]),
    .target(name: "LilySession", dependencies: ["CJansson", "CPlatform"], swiftSettings: settings),
    .target(
      name: "LilySessionC", dependencies: ["LilySession", "CLilySession", "CPlatform"],
      exclude: ["exports.map"], swiftSettings: settings),
    .testTarget(name: "LilySessionTests", dependencies: ["LilySession", "LilySessionC", "CLilySession"]),
  ] + (hasRedis ? redisTargets : []),
  swiftLanguageModes: [.v6]
)

import Testing
@testable import LilySession
@Test func x() { }

#if !hasFeature(Embedded)
  /// The part of a stored value that a decoder refused, without the value.
  struct RefusedMember {
    /// Where it is, such as `items[2].count`; empty for the value itself, and nil if the decoder has not said.
    let path: String?
    /// What is wrong with it, such as `items[2].count is a string, not Int`.
    let what: String

    /// Returns nil if the decoder has not said what is wrong.
    init?(_ error: DecodingError) {
      switch error {
      case .typeMismatch(let type, let context):
        let path = RefusedMember.path(context.codingPath)
        let found = RefusedMember.found(context).map { " is \($0)," } ?? " is"
        what = RefusedMember.subject(path) + found + " not " + RefusedMember.name(type)
        self.path = path
      case .valueNotFound(let type, let context):
        let path = RefusedMember.path(context.codingPath)
        what = RefusedMember.subject(path) + " is null, not " + RefusedMember.name(type)
        self.path = path
      case .keyNotFound(let name, let context):
        let path = RefusedMember.path(context.codingPath + [name])
        what = path + " is missing"
        self.path = path
      case .dataCorrupted(let context) where context.codingPath.isEmpty:
        // The stored text is JSON. In these words Foundation's decoder tells of a number, and not where it is.
        guard context.debugDescription == "The given data was not valid JSON." else { return nil }
        what = "it has a number that does not fit its type, or a text that is not JSON"
        path = nil
      case .dataCorrupted(let context):
        let path = RefusedMember.path(context.codingPath)
        what = path + " is not accepted"
        self.path = path
      @unknown default: return nil
      }
    }

    /// Returns what a decoder of Foundation's has found; nil if it has not said. Only these words of its text are told, which are no part of the
    /// value.
    private static func found(_ context: DecodingError.Context) -> String? {
      let kinds = [
        ("a string", "a string"), ("number", "a number"), ("bool", "true or false"), ("null", "null"), ("an array", "an array"), ("a dictionary", "an object"),
      ]
      return kinds.first { context.debugDescription.hasSuffix(" but found \($0.0) instead.") }?.1
    }

    /// Returns the name of a type. JSON's own, for which Foundation has no type, are named as in JSON.
    private static func name(_ type: Any.Type) -> String {
      if type == [Any].self { return "an array" }
      return type == [String: Any].self ? "an object" : "\(type)"
    }

    private static func subject(_ path: String) -> String { path.isEmpty ? "it" : path }

    private static func path(_ names: [any CodingKey]) -> String {
      names.reduce(into: "") { path, name in
        if let index = name.intValue, !isOfProgram(name) {
          path += "[\(index)]"
        } else {
          path += (path.isEmpty ? "" : ".") + (isOfProgram(name) ? name.stringValue : "*")
        }
      }
    }

    /// True if the program has declared the name. The keys of a dictionary are a part of the value, which may be a secret.
    private static func isOfProgram(_ name: any CodingKey) -> Bool {
      let mirror = Mirror(reflecting: name)
      return mirror.displayStyle == .enum && mirror.children.isEmpty // the coders' own names are enums, too, and have the text beside the case
    }
  }
#endif

/// @file
/// With this header every type that nlohmann/json can write and read may be the type of a field, without a codec of its own:
///
///     struct purchase { int count = 0; bool gift = false; };
///     NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(purchase, count, gift)
///     struct app { std::vector<purchase> cart; };
///
///     auto fields = lily::persistence<app>().field("cart", &app::cart);
///
/// The types that lily_session.hpp stores by itself are stored as before, and a lily::codec of the program's own comes first. It needs
/// nlohmann/json 3.
///
/// nlohmann/json converts a number to the type of a member, whether it fits or not: a stored 300 becomes 44 in a std::uint8_t, 1.9 becomes 1
/// in an int, and true becomes 1. Such a value is taken, and the next change of the field stores the converted number. If others may write
/// the file, check the number in from_json, whose exception refuses the value, or store the type by a lily::codec of the program's own.
#ifndef LILY_SESSION_NLOHMANN_HPP
#define LILY_SESSION_NLOHMANN_HPP

#include <lily_session.hpp>

#include <nlohmann/json.hpp>

#include <cmath>

namespace lily __attribute__((visibility("default"))) {

namespace detail {

/// Throws if a value has what JSON has not, in place of which nlohmann/json writes something else: null, or an object of bytes.
inline void check_is_json(const nlohmann::json &value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) throw encode_error("a number is infinite or not a number");
  if (value.is_binary()) throw encode_error("JSON has no binary values");
  if (!value.is_structured()) return;
  for (const nlohmann::json &inside : value) check_is_json(inside);
}

/// Returns what an exception says, such as "type must be number, but is string", if it is one that quotes no part of the value. Others quote
/// a number, a byte or a name of the text, so that only the exception's name is told. With JSON_DIAGNOSTICS the names on the way to
/// the mistake, which may be data, stand before the sentence; they are left out.
inline std::string without_quotation(const nlohmann::json::exception &error) {
  const std::string text = error.what();
  const char *begins = "";
  if (error.id == 302) begins = "type must be ";
  if (error.id >= 304 && error.id <= 312) begins = "cannot use ";
  if (error.id == 401) begins = "array index ";
  if (error.id == 403) begins = "key '";
  const std::size_t at = *begins ? text.rfind(begins) : std::string::npos;
  return at == std::string::npos ? "nlohmann/json refuses it: " + text.substr(0, text.find(']') + 1) : text.substr(at);
}

template <class T, class = void> struct is_known_to_nlohmann : std::false_type {};
/// @cond Doxygen cannot parse this specialisation
template <class T>
struct is_known_to_nlohmann<T, typename std::enable_if<std::is_constructible<nlohmann::json, const T &>::value &&
                                                       !std::is_void<decltype(std::declval<const nlohmann::json &>().get<T>())>::value>::type>
  : std::true_type {};
/// @endcond

} // namespace detail

/// Stores what nlohmann/json knows and lily_session.hpp does not. What cannot be stored throws encode_error; a stored value that the type
/// refuses throws decode_error, whose text says why, and does not quote the value.
template <class T>
struct codec<T, typename std::enable_if<!detail::is_built_in<T>::value && detail::is_known_to_nlohmann<T>::value>::type> {
  /// Returns the JSON text of a value.
  static json encode(const T &value) {
    try {
      const nlohmann::json made(value);
      detail::check_is_json(made);
      return json(made.dump());
    } catch (const nlohmann::json::exception &error) {
      // What is found while text is written is a byte that is not UTF-8.
      throw encode_error(error.id == 316 ? "a string is not UTF-8" : detail::without_quotation(error));
    }
  }
  /// Makes a value of JSON text.
  static T decode(const json &stored) {
    try {
      return nlohmann::json::parse(stored.text).get<T>();
    } catch (const nlohmann::json::exception &error) {
      throw decode_error(detail::without_quotation(error));
    }
  }
};

} // namespace lily

#endif

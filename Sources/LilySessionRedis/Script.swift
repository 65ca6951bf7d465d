import CRedis

/// A script that a server runs in one step. `#!lua` makes the server refuse it before its first line if it could not write, as when
/// memory is full.
struct Script {
  let text: [UInt8]
  /// The name by which the server knows a script that it has run before: its SHA-1 in hexadecimal digits.
  let name: [UInt8]

  private init(_ flags: StaticString, _ parts: StaticString...) {
    text = bytes("#!lua") + bytes(flags) + [10] + parts.flatMap { bytes($0) }
    var hash = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
    _ = SHA1(text, text.count, &hash)
    let hexadecimal = bytes("0123456789abcdef")
    name = hash.flatMap { [hexadecimal[Int($0 >> 4)], hexadecimal[Int($0 & 15)]] }
  }

  /// Returns the server's version and its clock in ms. Servers before 7.0 have no number for their version.
  static var greeting: StaticString {
    """
    local t = redis.call('TIME')
    return {redis.REDIS_VERSION_NUM or 0, t[1] * 1000 + math.floor(t[2] / 1000)}
    """
  }

  /// Writes entries; see `Store.write`.
  static let write = Script("", beginning, writing)
  /// Does so where nothing is added, which a server with full memory allows.
  static let remove = Script(" flags=allow-oom", beginning, writing)
  /// Removes the session's entries; see `Store.clear`.
  static let clear = Script(" flags=allow-oom", beginning, clearing)

  // What a script returns: what came of it, the scope's generation, and the server's clock in ms.
  //
  //   0  done    1  too late    2  the generation is another one    3  what is stored is something else
  //
  // ARGV[1] is the server's clock when the script must have begun. A write that comes later than that would replace what was written after
  // its program had given up.
  //
  // The empty name has the scope's generation, and a + after it if an entry has no deadline of its own. Garbage counts as 0. A Lua number has all
  // integers of 15 digits.
  private static var beginning: StaticString {
    """
    local key = KEYS[1]
    local t = redis.call('TIME')
    local now = t[1] * 1000 + math.floor(t[2] / 1000)
    if now > tonumber(ARGV[1]) then return {1, '', now} end
    local generation, lasting = string.match(redis.call('HGET', key, '') or '0', '^(%d+)(%+?)$')
    if not generation or #generation > 15 then generation, lasting = '0', '' end
    generation = string.format('%.0f', tonumber(generation))

    """
  }

  // The arguments of a write, after the moment:
  //
  //   expected  the generation, or empty if it does not matter
  //   idle      how long the scope lives after this if an entry in it has no deadline of its own, in ms, or -1
  //   lives     the same for the latest of these entries' deadlines, or 0
  //   mark      the same if only the generation is left
  //   lasts     1 if one of these entries has no deadline
  //   asks      what the first entry's name must have now: anything, nothing, or a value, which has this version, this text, and, unless that is
  //             empty, this deadline
  //   count     how many entries are to be set. Their names and values follow, and after them the names of those to remove
  //
  // The script ends by reading the key, because a server tells a connection only of the next change of what it has read.
  private static var writing: StaticString {
    """
    local _, expected, idle, lives, mark, lasts, asks, version, text, deadline, count = unpack(ARGV, 1, 11)
    idle, lives = tonumber(idle), tonumber(lives)
    local first, last = 12, 11 + 2 * tonumber(count)
    if expected ~= '' and expected ~= generation then return {2, generation, now} end
    if asks ~= 'anything' then
      local stored = redis.call('HGET', key, ARGV[first])
      if not stored then
        if asks ~= 'nothing' then return {3, generation, now} end
      else
        local its_deadline, its_version, its_text = string.match(stored, '^@(%d+),(%d+),(.*)$')
        if asks == 'nothing' or (its_version or '0') ~= version or (its_text or stored) ~= text
          or deadline ~= '' and (its_deadline or '0') ~= deadline then return {3, generation, now} end
      end
    end
    if lasts == '1' and lasting == '' then
      lasting = '+'
      redis.call('HSET', key, '', generation .. '+')
    end
    for at = first, last, 2000 do redis.call('HSET', key, unpack(ARGV, at, math.min(at + 1999, last))) end
    for at = last + 1, #ARGV, 2000 do redis.call('HDEL', key, unpack(ARGV, at, math.min(at + 1999, #ARGV))) end
    local names = #ARGV > last and redis.call('HKEYS', key) or {}
    if #names == 1 and names[1] == '' then
      if generation == '0' then
        redis.call('UNLINK', key)
      else
        redis.call('HSET', key, '', generation)
        redis.call('PEXPIRE', key, mark)
      end
    elseif lasting == '+' and idle < 0 then
      redis.call('PERSIST', key)
    else
      if lasting == '+' then lives = math.max(lives, idle) end
      if lives > 0 then
        redis.call('PEXPIRE', key, lives, 'NX')
        redis.call('PEXPIRE', key, lives, 'GT')
      end
    end
    redis.call('HGET', key, '')
    return {0, generation, now}
    """
  }

  // ARGV[2] is how long the mark of the clear lives, and ARGV[3] how long entries without a deadline live, or -1. Names that begin with 255 and have more are no session's. After a failover a counter might be used
  // again, so a generation is at least the server's clock.
  private static var clearing: StaticString {
    """
    generation = string.format('%.0f', math.max(tonumber(generation) + 1, now))
    local others, removed = false, {}
    for _, name in ipairs(redis.call('HKEYS', key)) do
      if string.byte(name) == 255 and #name > 1 then others = true else removed[#removed + 1] = name end
    end
    if others then
      for at = 1, #removed, 4000 do redis.call('HDEL', key, unpack(removed, at, math.min(at + 3999, #removed))) end
    else
      redis.call('UNLINK', key)
      lasting = ''
    end
    redis.call('HSET', key, '', generation .. lasting)
    if lasting == '+' and ARGV[3] == '-1' then
      redis.call('PERSIST', key)
    else
      redis.call('PEXPIRE', key, ARGV[2], 'NX')
      redis.call('PEXPIRE', key, ARGV[2], 'GT')
    end
    redis.call('HGET', key, '')
    return {0, generation, now}
    """
  }
}

"""Checks that the screen does not show what looks secret: which names, in which places, and how to ask for it anyway."""
import json

import journal
import pytest

MASK = "••••••"

SECRET = [
    "token", "authToken", "auth_token", "auth-token", "AUTH_TOKEN", "auth.token", "auth token", "AuthToken", "authtoken", "AUTHTOKEN", "pAssWord",
    "pwd", "jwt", "JWTClaims", "cookie", "cookies", "session_id", "sessionId", "session-id", "SESSIONID", "sid", "apiKey", "api_key", "APIKey",
    "API_KEY", "apikey", "apiKEY", "key", "s3key", "accessToken", "refresh_token", "tokens", "passwd", "db_passwd", "password", "password2",
    "userPassword", "mypassword", "passphrase", "client_secret", "clientSecret", "secret", "credentials", "Authorization", "csrf", "pin", "otp",
    "userpass", "dbpass", "DBPASS", "mypass", "smtp_dbpass", "mypwd", "dbPwd", "MYSQL_PWD", "bearerauth", "basicauth", "oauth", "PHPSESSID",
    "JSESSIONID", "sess_id", "privkey", "my_privkey", "PRIVKEY", "pincode", "pinCode", "private", "PRIVATE", "private_key", "rsaPrivateKey", "mnemonic",
    "wallet_mnemonic", "walletmnemonic", "größePassword", "tok\u0301en"]
# A word that only contains a secret word is another word: a tokenizer is not a token.
PLAIN = ["keyboard", "monkey", "author", "authors", "tokenizer", "secretary", "turkey", "hockey", "keynote", "passenger", "compass", "spin", "pinned",
         "side", "id", "session", "user_id", "idSession", "Tokenize", "donkeys", "theme", "日本語", "",
         "encompass", "bypass", "trespass", "overpass", "bandpass", "multipass", "passage", "passive", "authority", "privacy", "private_mode",
         "privateMode", "isPrivate", "repo_private", "privateer", "spinCode", "zipcode", "barcode", "possession_id", "possessionId", "assessId",
         "processId", "bearing", "sessions"]


def filled(home, names, value_of):
    """Stores each name as a key, and under a key that is only a number a value with that name in it."""
    whole = journal.Writer()
    for number, name in enumerate(names):
        whole.set(f"lily_session_{name}".encode(), b'"hunter-2"')
        whole.set(f"lily_session_{number}".encode(), json.dumps(value_of(name), ensure_ascii=False, separators=(",", ":")).encode())
    home.write(whole.bytes())


def test_what_looks_secret(home):
    filled(home, SECRET, lambda name: {"a": [{"b": 1, name: "hunter-2"}], name: {"c": "hunter-2"}})
    listed = home.run("list").out
    assert listed.count(MASK) == 3 * len(SECRET) and "hunter-2" not in listed
    found = {entry["key"]: entry["value"] for entry in home.run("list", "--json").json}
    assert len(found) == 2 * len(SECRET)
    for number, name in enumerate(SECRET):
        shown = json.dumps(name, ensure_ascii=False)
        assert '{"a":[{"b":1,%s:%s}],%s:%s}' % (shown, MASK, shown, MASK) in listed, name
        assert found[f"lily_session_{name}"] is None, name
        assert found[f"lily_session_{number}"] == {"a": [{"b": 1, name: None}], name: None}, name


def test_what_does_not(home):
    names = [name for name in PLAIN if name]
    filled(home, names, lambda name: {"a": [{name: "hunter-2"}]})
    assert home.run("list").out.count("hunter-2") == 2 * len(names)
    found = {entry["key"]: entry["value"] for entry in home.run("list", "--json").json}
    for number, name in enumerate(names):
        assert found[f"lily_session_{name}"] == "hunter-2", name
        assert found[f"lily_session_{number}"] == {"a": [{name: "hunter-2"}]}, name
        assert home.run("get", name).out == '"hunter-2"\n'


def test_the_prefix_of_fields_is_no_part_of_a_name(home):
    """The key lily_session_id is the field id, not a session_id."""
    home.run("set", "id", "42")
    assert home.run("get", "id").out == home.run("get", "lily_session_id", "--all").out == "42\n"


@pytest.mark.parametrize("text, shown", [
    ('{"token":1}', '{"token":•}'), ('{"token":{"token":[1,{"a":"b"}]},"b":2}', '{"token":•,"b":2}'), ('[[{"jwt":"a\\"}"}],2]', '[[{"jwt":•}],2]'),
    ('{"to\\u006ben":"x"}', '{"to\\u006ben":•}'), ('{"a":"token"}', '{"a":"token"}'), ('["token","x"]', '["token","x"]'), ('"token"', '"token"'),
    ('{"a":"\\",\\"token\\":1"}', '{"a":"\\",\\"token\\":1"}'), ('{"a":{},"pwd":[],"c":[]}', '{"a":{},"pwd":•,"c":[]}'),
    ('{"pwd":null,"pin":"","b":true}', '{"pwd":•,"pin":•,"b":true}'), ('{"a\\\\":"x","token":"y"}', '{"a\\\\":"x","token":•}')])
def test_members_are_masked_at_any_depth(home, text, shown):
    home.write(journal.Writer().set(b"lily_session_x", text.encode()).bytes())
    wanted = shown.replace("•", MASK)
    assert home.run("list").out.splitlines()[1].startswith(f"x    {wanted} ")
    assert f"x    {text} " in home.run("list", "--show-secrets").out
    entry = home.run("list", "--json").json[0]
    assert entry["value"] == json.loads(shown.replace("•", "null")) and entry.get("masked") == (True if "•" in shown else None)
    result = home.run("get", "x", code=2 if "•" in shown else 0)
    assert result.out == ("" if "•" in shown else text + "\n") and ("members that look secret" in result.err) == ("•" in shown)
    assert home.run("get", "x", "--show-secrets").out == text + "\n"


def test_a_masked_value_is_not_imported(home):
    home.run("set", "token", '"hunter-2"')
    home.run("set", "user", '{"name":"ada","pwd":"hunter-2"}')
    home.run("set", "theme", '"dark"')
    result = home.run("import", input=home.run("list", "--json").bytes, app="other", code=2)
    assert "left out token" in result.err and "left out user" in result.err
    assert set(journal.read(home.store("other").read_bytes()).entries) == {b"lily_session_theme"}


def test_on_a_terminal_secrets_are_left_out_of_an_export(home):
    home.run("set", "token", '"hunter-2"')
    home.run("set", "user", '{"name":"ada","pwd":"hunter-2"}')
    for form in [["export"], ["export", "--browser"]]:
        seen = home.terminal(*form, code=2)
        assert "hunter-2" not in seen and "token, user" in seen
        assert home.terminal(*form, "--show-secrets").count("hunter-2") == 2
        result = home.run(*form)
        assert result.out.count("hunter-2") == 2 and "the output contains values that look secret: token, user" in result.err


def test_a_key_that_looks_secret_is_shown_if_asked_for(home):
    home.run("set", "token", '"hunter-2"')
    assert "hunter-2" not in home.run("get", "token", code=2).err
    assert home.run("get", "token", "--show-secrets").out == '"hunter-2"\n'
    assert "hunter-2" in home.run("list", "--show-secrets").out


@pytest.mark.parametrize("key, value", [("token", '"hunter-2"'), ("token", "hunter-2"), ("user", '{"pwd":"hunter-2"}'), ("api_key", "5")])
def test_a_secret_on_the_command_line_is_warned_of(home, key, value):
    result = home.run("set", key, value)
    assert "list of processes" in result.err and "standard input" in result.err and "hunter-2" not in result.err


def test_a_secret_from_standard_input_is_not_warned_of(home):
    assert "list of processes" not in home.run("set", "token", "-", input=b'"hunter-2"\n').err
    assert home.run("get", "token", "--show-secrets").out == '"hunter-2"\n'
    for key, value in [("theme", "dark"), ("user", '{"name":"token"}')]:
        assert "list of processes" not in home.run("set", key, value).err

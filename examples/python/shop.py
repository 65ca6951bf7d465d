#!/usr/bin/env python3
"""A shop whose session survives the end of the program, kill -9 included.

shop show | where | login NAME | theme NAME | add ITEM | logout
shop hammer     adds nails for ever, and prints the number of each visit once it is stored: it is made to be killed

It shares its session with the shops in other languages: the same keys, and the same values.
"""
import sys
from dataclasses import dataclass, field, replace
from typing import Callable, List, Optional

from lily_session import Error, Map, Persistence, Runtime, Session, Storage


@dataclass(frozen=True)
class Shop:
    """The model. All of it is saved; a field's name is its key, and its annotation says what it accepts."""

    token: str = ""
    theme: str = "light"
    cart: Map[int] = field(default_factory=dict)  # each item, with how many; two shops that add different items lose nothing
    visits: int = 0


def given(text: str, size: int) -> str:
    """Returns the text if the shop in C has room for it."""
    if not 0 < len(text.encode()) < size:
        raise ValueError(f"that is too long, or nothing: {text!r}")
    return text


def updates(storage: Storage) -> Callable[[Shop, List[str]], Shop]:
    """What can happen to the model. A message is the words of the command line; an exception refuses it."""

    def update(shop: Shop, words: List[str]) -> Shop:
        verb, text = words[0], words[-1]
        if verb == "logout":
            storage.clear()  # removes all that is stored
            return Shop()
        if verb == "login":
            return replace(shop, token=given(text, 64))
        if verb == "theme":
            return replace(shop, theme=given(text, 16))
        item = given(text, 64)
        return replace(shop, cart={**shop.cart, item: shop.cart.get(item, 0) + 1})

    return update


def visit(runtime: "Runtime[Shop, List[str]]", session: Session, words: List[str]) -> int:
    """Returns the number of the visit. The model may already have a later one, of another shop."""
    runtime.dispatch(words)
    return session.modify("visits", lambda visits: visits + 1, default=0)  # loses no visit, even if another shop counts one at the same time


def run(runtime: "Runtime[Shop, List[str]]", storage: Storage, session: Session, words: List[str]) -> None:
    shop = runtime.model
    if words == ["where"]:
        print(storage.path)
    elif words == ["show"]:
        cart = ", ".join(f"{count} {item}" for item, count in sorted(shop.cart.items()))
        print(f"token {shop.token or 'none'}, theme {shop.theme}, cart [{cart}], visits {shop.visits}")
    elif words == ["logout"]:
        runtime.dispatch(words)
    elif words == ["hammer"]:
        while True:
            print(visit(runtime, session, ["add", "nail"]), flush=True)  # from here on it survives a kill
    else:
        visit(runtime, session, words)


def main(words: List[str]) -> Optional[str]:
    takes = {"show": 0, "where": 0, "hammer": 0, "logout": 0, "login": 1, "theme": 1, "add": 1}
    if not words or takes.get(words[0]) != len(words) - 1:
        print("usage: shop show | where | login NAME | theme NAME | add ITEM | hammer | logout", file=sys.stderr)
        sys.exit(2)
    try:
        with Storage.open(application="shop") as storage, Runtime(Shop(), updates(storage)) as runtime:
            with runtime.attach(Persistence.of(Shop), storage) as session:  # fills the model; at its end flushes
                run(runtime, storage, session, words)
    except (Error, ValueError) as error:
        return f"shop: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

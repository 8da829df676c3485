"""The room Records."""

from __future__ import annotations

import pickle
import time
import unittest

import envlock
from envlock import BoundError, EnvlockError
from tests.support import peak_memory


class RecordTest(unittest.TestCase):
    def test_a_record_has_its_fields_by_name_and_by_position(self) -> None:
        policy = envlock.Policy(True, ignore=frozenset(["six"]))
        self.assertEqual(
            (policy.subset, policy.superset, policy.ignore), (True, False, {"six"})
        )
        self.assertEqual(policy, (True, False, {"six"}, False, frozenset()))
        self.assertEqual(repr(envlock.Policy()).partition("(")[0], "Policy")

    def test_a_record_is_immutable_and_made_anew_with_a_change(self) -> None:
        policy = envlock.Policy()
        with self.assertRaises(AttributeError):
            policy.subset = True  # type: ignore[misc]
        self.assertTrue(policy._replace(subset=True).subset)
        self.assertFalse(policy.subset)

    def test_a_field_without_a_default_must_be_given(self) -> None:
        with self.assertRaises(TypeError):
            envlock.BoundRequirement("six")  # type: ignore[call-arg]

    def test_a_record_can_be_pickled(self) -> None:
        finding = envlock.Finding("Missing", dependency="six")
        self.assertEqual(pickle.loads(pickle.dumps(finding)), finding)


class SecretsTest(unittest.TestCase):
    def test_urls_lose_user_password_and_query(self) -> None:
        for text, expected in (
            ("https://user:secret@h.example/x", "https://h.example/x"),
            ("https://secret@h.example/x@v1", "https://h.example/x@v1"),
            ("https://user:sec@ret@h.example/x", "https://h.example/x"),
            ("https://user:sec/ret@h.example/x", "https://h.example/x"),
            ("https:user:secret@h.example/x", "https:h.example/x"),
            ("https://user:sec ret@h.example/x", "https://h.example/x"),
            ("-e git+https://user:sec", "-e git+https://"),
            ("git+ssh://git@h.example:22/x.git@v1", "git+ssh://h.example:22/x.git@v1"),
            (
                "a @ git+user:secret@h.example:team/x.git@v1",
                "a @ git+h.example:team/x.git@v1",
            ),
            (
                "file:///srv/https%3A/user%3Asecret%40h.example/x",
                "file:///srv/https%3A/h.example/x",
            ),
            (
                "https://h.example/x.whl?token=secret#egg=x",
                "https://h.example/x.whl#egg=x",
            ),
            (
                "'https://u:p@h.example/x' or \"ftp://u@h\"",
                "'https://h.example/x' or \"ftp://h\"",
            ),
        ):
            with self.subTest(text):
                self.assertEqual(envlock.without_secrets(text), expected)

    def test_what_is_no_secret_stays(self) -> None:
        for text in (
            *(
                "six @ git+file:///r@0123",
                "https://h.example:8080/x@v1",
                "http://[::1]:80/x@v",
                "a@b",
                "x @ y?z",
            ),
            *(
                "/srv/a@b/uv.lock:12: expected x",
                "a@b.txt: cannot be read",
                "a@b.txt:3: what?",
                "(did you mean '@'?)",
            ),
        ):
            with self.subTest(text):
                self.assertEqual(envlock.without_secrets(text), text)

    def test_time_grows_with_the_length_alone(self) -> None:
        parts = (
            "https:",
            "a@",
            "x:",
            "://",
            "a:b@c",
            "u:p@h: ",
            "+a:",
            "://a:b/",
            "://?",
            ":",
            "?",
        )
        for part in parts:
            with self.subTest(part):
                began = time.process_time()
                envlock.without_secrets(f"?@{part * 20_000}@?")
                self.assertLess(time.process_time() - began, 2)

    def test_memory_grows_with_the_length_alone(self) -> None:
        for start in ("https://", "https:", "a:", "https%3A"):
            text = f"{start}{'a' * 200_000}@h"
            peak = peak_memory(envlock.without_secrets, text)
            self.assertLess(peak, 10 * len(text), start)

    def test_errors_quote_ten_characters_and_nothing_of_a_url(self) -> None:
        for text, expected in (
            ("==1.0", "'==1.0'"),
            ("root:x:0:0:root:/root", "'root:x:0:0'..."),
            ("https://user:secret@h.example/x", "'https://'..."),
            ("user:secret@h.example:x", "'@h.example'..."),
            (":secret@h", "'@h'..."),
            ("x?token=secret", "'x'..."),
        ):
            with self.subTest(text):
                self.assertEqual(envlock.excerpt(text), expected)

    def test_names_are_quoted_whole(self) -> None:
        for name in ("my-long-package-name", "a[one,two]", "--some-option", "x" * 100):
            self.assertEqual(envlock.quote_name(name), repr(name))
        for text in (
            "https://user:secret@h.example/x",
            "two words and more",
            "x" * 101,
        ):
            self.assertEqual(envlock.quote_name(text), envlock.excerpt(text))


class ErrorTest(unittest.TestCase):
    def test_an_error_shows_no_secret_and_is_not_endless(self) -> None:
        url = "https://user:secret@h.example/x"
        self.assertEqual(str(EnvlockError(f"{url}: gone")), "https://h.example/x: gone")
        self.assertEqual(
            str(BoundError(f"{url}: gone", 3, url)),
            "https://h.example/x:3: https://h.example/x: gone",
        )
        self.assertEqual(str(EnvlockError("x" * 5000)), "x" * 4000 + "...")

    def test_all_errors_of_envlock_have_one_base(self) -> None:
        errors = [
            value
            for value in vars(envlock).values()
            if isinstance(value, type) and issubclass(value, Exception)
        ]
        self.assertGreater(len(errors), 4)
        self.assertEqual(
            [error for error in errors if not issubclass(error, EnvlockError)], []
        )

    def test_an_error_begins_with_the_file_and_the_line_that_are_known(self) -> None:
        self.assertEqual(str(BoundError("broken")), "broken")
        self.assertEqual(str(BoundError("broken").at("r.txt")), "r.txt: broken")
        self.assertEqual(str(BoundError("broken").at("r.txt", 3)), "r.txt:3: broken")

    def test_what_an_error_knows_itself_is_kept(self) -> None:
        self.assertEqual(
            str(BoundError("broken", line=7).at("r.txt", 3)), "r.txt:7: broken"
        )
        nested = BoundError("broken", line=7, file="nested.txt").at("r.txt", 3)
        self.assertEqual(
            (nested.file, nested.line, str(nested)),
            ("nested.txt", 7, "nested.txt:7: broken"),
        )


class ExcerptTest(unittest.TestCase):
    def test_a_short_text_is_quoted_whole_on_one_line(self) -> None:
        self.assertEqual(envlock.excerpt("a\nb"), "'a\\nb'")
        self.assertEqual(envlock.excerpt("a" * 10), repr("a" * 10))

    def test_a_long_text_is_cut(self) -> None:
        self.assertEqual(envlock.excerpt("a" * 11), repr("a" * 10) + "...")
        self.assertLess(len(envlock.excerpt("\0" * 10_000)), 400)


if __name__ == "__main__":
    unittest.main()

"""The room Records."""

from __future__ import annotations

import pickle
import unittest

import envlock
from envlock import BoundError, EnvlockError


class RecordTest(unittest.TestCase):
    def test_a_record_has_its_fields_by_name_and_by_position(self) -> None:
        policy = envlock.Policy(True, ignore=frozenset(["six"]))
        self.assertEqual((policy.subset, policy.superset, policy.ignore), (True, False, {"six"}))
        self.assertEqual(policy, (True, False, {"six"}, False))
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


class ErrorTest(unittest.TestCase):
    def test_all_errors_of_envlock_have_one_base(self) -> None:
        errors = [
            value
            for value in vars(envlock).values()
            if isinstance(value, type) and issubclass(value, Exception)
        ]
        self.assertGreater(len(errors), 4)
        self.assertEqual([error for error in errors if not issubclass(error, EnvlockError)], [])

    def test_an_error_begins_with_the_file_and_the_line_that_are_known(self) -> None:
        self.assertEqual(str(BoundError("broken")), "broken")
        self.assertEqual(str(BoundError("broken").at("r.txt")), "r.txt: broken")
        self.assertEqual(str(BoundError("broken").at("r.txt", 3)), "r.txt:3: broken")

    def test_what_an_error_knows_itself_is_kept(self) -> None:
        self.assertEqual(str(BoundError("broken", line=7).at("r.txt", 3)), "r.txt:7: broken")
        nested = BoundError("broken", line=7, file="nested.txt").at("r.txt", 3)
        self.assertEqual(
            (nested.file, nested.line, str(nested)), ("nested.txt", 7, "nested.txt:7: broken")
        )


class ExcerptTest(unittest.TestCase):
    def test_a_short_text_is_quoted_whole_on_one_line(self) -> None:
        self.assertEqual(envlock.excerpt("a\nb"), "'a\\nb'")
        self.assertEqual(envlock.excerpt("a" * 80), repr("a" * 80))

    def test_a_long_text_is_cut(self) -> None:
        self.assertEqual(envlock.excerpt("a" * 81), repr("a" * 80) + "...")
        self.assertLess(len(envlock.excerpt("\0" * 10_000)), 400)


if __name__ == "__main__":
    unittest.main()

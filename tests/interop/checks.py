"""A check function and its count: all that these scripts need of a test framework."""

import contextlib
import sys


class Checks:
    """Counts what was checked for one client, and says what was not as it should be."""

    def __init__(self, client):
        self.client, self.passed, self.failures, self.unlearnt = client, 0, [], []

    def _note(self, name, trouble):
        if trouble is None:
            self.passed += 1
        else:
            self.failures.append(name)
            print(f"{self.client}: FAILED: {name}\n    {trouble}")

    def same(self, name, got, want):
        """Passes when both are equal."""
        self._note(name, None if got == want else f"got  {got!r}\n    want {want!r}")

    def true(self, name, got):
        """Passes when the value counts as true."""
        self._note(name, None if got else f"got {got!r}")

    def refused(self, name, kind, call, *words):
        """Passes when the call fails with this kind of exception, whose text has all these words in it."""
        try:
            answer = call()
        except kind as error:
            told = str(error)
            missing = [word for word in words if word not in told]
            self._note(name, f"the error lacks {missing}: {told}" if missing else None)
        except Exception as error:
            self._note(name, f"another error: {type(error).__name__}: {error}")
        else:
            self._note(name, f"no error, but {answer!r}")

    def done_or_said(self, name, call):
        """Passes when the call works, or when the emulator says that it has not learnt it; tells whether it worked.

        docs/emulator.md lists what it has not learnt; what must never happen is success with nothing done.
        """
        try:
            call()
        except Exception as error:
            said = "this emulator" in str(error).lower()
            self._note(name, None if said else f"{type(error).__name__}: {error}")
            if said:
                self.unlearnt.append(name)
            return False
        self._note(name, None)
        return True

    @contextlib.contextmanager
    def part(self, name):
        """A group of checks; what goes wrong inside it fails by the group's name, and the next group continues."""
        try:
            yield
        except Exception as error:
            self._note(name, f"{type(error).__name__}: {str(error)[:600]}")

    def end(self):
        """Prints the count, and leaves with 1 if anything failed."""
        if self.unlearnt:
            print(f"{self.client}: not implemented, as documented: {'; '.join(self.unlearnt)}")
        print(f"{self.client}: {self.passed + len(self.failures)} checks, {len(self.failures)} failed")
        sys.exit(1 if self.failures else 0)

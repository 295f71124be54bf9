import unittest

import context  # noqa: F401  (sets the path)
from vmtest.report import Report, render


def told(*lines, reason=None) -> Report:
    report = Report()
    for line in lines:
        report.feed(line.rstrip("\n"))
    report.finish(reason)
    return report


BOOT, DONE = render("boot", seconds=9.5), render("done")
BEGIN = render("begin", job="test_a", may_skip=False)


def end(code=0):
    return render("end", job="test_a", code=code)


class Counts(unittest.TestCase):
    def check(self, report, summary, *problems):
        self.assertEqual((summary, list(problems)), (report.summary(), report.problems))

    def test_sum_of_jobs(self):
        self.check(told(BOOT, BEGIN, "2 passed, 0 failed", end(), BEGIN, "3 passed, 1 failed", end(1), DONE),
                   "5 passed, 1 failed")

    def test_skipped_counts_as_failed(self):
        self.check(told(BOOT, BEGIN, "2 passed, 0 failed (1 skipped)", end(77), DONE), "2 passed, 1 failed")

    def test_skipped_in_a_job_that_may(self):
        begin = render("begin", job="test_a", may_skip=True)
        self.check(told(BOOT, begin, "2 passed, 0 failed (1 skipped)", end(77), DONE), "2 passed, 0 failed")

    def test_the_last_totals_of_a_job_count(self):
        self.check(told(BOOT, BEGIN, "1 passed, 1 failed", "2 passed, 0 failed", end(), DONE), "2 passed, 0 failed")

    def test_job_without_totals(self):
        self.check(told(BOOT, BEGIN, end(137), DONE), "0 passed, 1 failed",
                   "test_a ended with code 137 and without a result")

    def test_totals_of_an_earlier_job_do_not_count_twice(self):
        self.check(told(BOOT, BEGIN, "2 passed, 0 failed", end(), BEGIN, end(1), DONE), "2 passed, 1 failed",
                   "test_a ended with code 1 and without a result")

    def test_bad_code_without_failure(self):
        self.check(told(BOOT, BEGIN, "2 passed, 0 failed", end(3), DONE), "2 passed, 1 failed",
                   "test_a ended with code 3")


class Boots(unittest.TestCase):
    def test_asked_for(self):
        report = told(BOOT, render("reset", kind="hard"), BOOT, BEGIN, "1 passed, 0 failed", end(), DONE)
        self.assertEqual(([9.5, 9.5], "1 passed, 0 failed"), (report.boots, report.summary()))

    def test_in_a_job(self):
        self.assertEqual(["the machine went down during test_a"], told(BOOT, BEGIN, BOOT, DONE).problems)

    def test_between_jobs(self):
        self.assertEqual(["the machine went down between two jobs"], told(BOOT, BOOT, DONE).problems)

    def test_off_before_done(self):
        self.assertEqual(["the machine went off before it was done, during test_a"], told(BOOT, BEGIN).problems)

    def test_reason(self):
        self.assertEqual(["too slow, during test_a"], told(BOOT, BEGIN, reason="too slow").problems)

    def test_nothing_at_all(self):
        self.assertEqual("0 passed, 1 failed", told().summary())


class Lines(unittest.TestCase):
    def test_events_are_not_shown(self):
        self.assertEqual([False, True], [Report().feed(line) for line in (BOOT, "ok     test_a (0.1 s)")])

"""10,000 drawn (expression, zone, instant): the next three instants as cronsim computes them.

cronsim is what Healthchecks judges lateness by, and follows Debian's cron. Usage: oracle.py EXAMPLE,
the built example next_occurrence of crates/schedule.
"""

import itertools
import random
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from cronsim import CronSim

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Europe/London", "Asia/Kolkata", "Pacific/Auckland", "America/St_Johns"]
# Both switches of each zone in 2026, within a day.
SWITCHES = ["2026-03-08", "2026-03-29", "2026-04-04", "2026-04-05", "2026-09-26", "2026-10-03", "2026-10-25", "2026-11-01", "2026-06-15"]
MINUTES = ["0", "30", "59", "*", "*/15", "0,30", "5-10", "10-50/20", "*/7"]
HOURS = ["0", "1", "2", "3", "*", "*/2", "1-3", "2,14", "0-23/5", "23", "9"]
DAYS = ["*", "*", "*", "1", "15", "*/2", "1-7", "29"]
MONTHS = ["*", "*", "*", "3", "MAR-NOV", "*/2", "10,11"]
WEEKDAYS = ["*", "*", "*", "1-5", "SUN", "0", "7", "MON,WED", "*/2"]


def draw(random_numbers):
    fields = [random_numbers.choice(field) for field in (MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS)]
    day = datetime.fromisoformat(random_numbers.choice(SWITCHES)).replace(tzinfo=timezone.utc)
    start = day + timedelta(minutes=random_numbers.randrange(-2160, 2160), seconds=random_numbers.choice([0, 0, 1, 59]))
    return random_numbers.choice(ZONES), " ".join(fields), start


def expected(zone, expression, start):
    """The first three answers after the start: for a start in a repeated hour, cronsim may answer with the hour before."""
    answers = CronSim(expression, start.astimezone(ZoneInfo(zone)))
    instants = (answer.astimezone(timezone.utc) for answer in answers)
    later = itertools.dropwhile(lambda instant: instant <= start, instants)
    distinct = (instant for instant, _ in itertools.groupby(later))
    return [int(instant.timestamp() * 1000) for instant in itertools.islice(distinct, 3)]


def by_the_minute(zone, expression, start):
    """The first three answers by looking at every minute: for jobs that follow absolute time.

    cronsim steps in whole hours, so after Lord Howe's change by half an hour it leaves out half an hour.
    """
    rules, place = CronSim(expression, start), ZoneInfo(zone)
    instant, found = start.replace(second=0) + timedelta(minutes=1), []
    while len(found) < 3:
        local = instant.astimezone(place)
        day, weekday = local.day in rules.days, local.isoweekday() % 7 in {weekday % 7 for weekday in rules.weekdays}
        is_day = (day and weekday) if rules.day_and else (day or weekday)
        if local.minute in rules.minutes and local.hour in rules.hours and local.month in rules.months and is_day:
            found.append(int(instant.timestamp() * 1000))
        instant += timedelta(minutes=1)
    return found


def main():
    random_numbers = random.Random(14)
    triples = [draw(random_numbers) for _ in range(10_000)]
    lines = "".join(f"{zone}\t{text}\t{int(start.timestamp() * 1000)}\n" for zone, text, start in triples)
    output = subprocess.run([sys.argv[1]], input=lines, capture_output=True, text=True, check=True).stdout
    failed, looked_at = 0, 0
    for (zone, text, start), line in zip(triples, output.splitlines(), strict=True):
        wanted = " ".join(map(str, expected(zone, text, start)))
        is_interval = text.startswith("*") or text.split()[1].startswith("*")
        if line != wanted and zone == "Australia/Lord_Howe" and is_interval:
            wanted = " ".join(map(str, by_the_minute(zone, text, start)))
            looked_at += 1
        if line != wanted:
            failed += 1
            if failed <= 20:
                print(f"{text!r} {zone} after {start.isoformat()}: {line}, cronsim has {wanted}")
    print(f"{looked_at} of them on Lord Howe, where cronsim leaves out half an hour, by the minute")
    print(f"cronsim: {len(triples)} checks, {failed} failed")
    sys.exit(failed > 0)


main()

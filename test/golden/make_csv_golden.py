"""Writes tables with Python's csv module, and their cells as JSON, for test/unit/core/csv.test.ts: run it from the repository
root.

    python3 test/golden/make_csv_golden.py
"""
import csv
import json
import pathlib
import random

OUT = pathlib.Path('test/unit/core/fixtures/csv')
PARTS = ['', 'a', '1.5', '"', '""', ',', ';', '\t', '\n', '\r\n', ' ', 'größe', '\u2028', "'", '=1+1', '\ufeff']

if __name__ == '__main__':
    OUT.mkdir(parents=True, exist_ok=True)
    chance = random.Random(5)
    for name, options in {
        'comma': dict(delimiter=',', lineterminator='\r\n'),
        'semicolon': dict(delimiter=';', lineterminator='\n'),
        'tab': dict(delimiter='\t', lineterminator='\n', quoting=csv.QUOTE_ALL),
    }.items():
        rows = [['first column', 'b', 'c']]
        rows += [[''.join(chance.choices(PARTS, k=chance.randrange(4))) for _ in range(3)] for _ in range(200)]
        with open(OUT / f'{name}.csv', 'w', newline='', encoding='utf8') as file:
            csv.writer(file, **options).writerows(rows)
        (OUT / f'{name}.json').write_text(json.dumps(rows) + '\n')

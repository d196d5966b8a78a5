import { UserStore } from '../../src/control/store/userStore.ts';

// Labels two runs with 0, 1, 2 … in one change each and says every number that is stored, until it is killed.
const [file = ''] = process.argv.slice(2);
const store = new UserStore(file);
for (let n = Number(store.notesOf('20260101-aaaaaaaa').label ?? -1) + 1; ; n++) {
  store.note(['20260101-aaaaaaaa', '20260101-bbbbbbbb'], { label: String(n), addTags: [`t${n % 7}`] });
  process.stdout.write(`${n}\n`);
}

import { buildWorld, FactStream, type Firm, type Person, type Place, type World } from './worldFacts.ts';

/** Changes when the same seed would give other text. */
export const worldVersion = 1;

type Sentence = (again: boolean) => string;

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Every fact in two wordings: `again` is how it is told the second time. */
function personFacts(world: World, person: Person): Sentence[] {
  const he = capital(person.pronoun);
  const his = person.pronoun === 'he' ? 'his' : 'her';
  const { birthplace, home, firm } = person;
  const spouse = world.people[person.spouse];
  const teacher = world.people[person.teacher];
  return [
    (again) =>
      again
        ? `It was in ${birthplace.name} that ${person.firstName} was born, in ${person.born}.`
        : `${person.name} was born in ${birthplace.name} in ${person.born}.`,
    (again) =>
      again ? `By profession ${person.firstName} is ${person.profession}.` : `${he} is ${person.profession}.`,
    (again) =>
      again
        ? `${firm.name} of ${firm.place.name} is where ${person.pronoun} works.`
        : `${he} works for ${firm.name}, which makes ${firm.product} in ${firm.place.name}.`,
    (again) =>
      again
        ? `The home of ${person.firstName} is in ${home.name}.`
        : `Today ${person.pronoun} lives in ${home.name}, ${home.kind} in ${home.country}.`,
    (again) =>
      again
        ? `${capital(his)} ${spouse.pronoun === 'he' ? 'husband' : 'wife'} ${spouse.firstName} is ${spouse.profession}.`
        : `${he} is married to ${spouse.name}.`,
    (again) =>
      again
        ? `As everyone knows, ${person.pronoun} ${person.hobby}.`
        : `In the evening ${person.pronoun} ${person.hobby}.`,
    (again) =>
      again
        ? `The teacher of ${person.firstName} was ${teacher.name}.`
        : `As a child ${person.pronoun} was taught by ${teacher.name}, who came from ${teacher.birthplace.name}.`,
  ];
}

function placeFacts(world: World, place: Place): Sentence[] {
  const born = world.people.filter((p) => p.birthplace === place).slice(0, 4);
  const firms = world.firms.filter((f) => f.place === place).slice(0, 3);
  return [
    (again) =>
      again
        ? `${place.name} lies in ${place.country}.`
        : `${place.name} is ${place.kind} in ${place.country}.`,
    (again) =>
      again ? `Visitors come to ${place.name} for ${place.knownFor}.` : `It is known for ${place.knownFor}.`,
    ...born.map(
      (p): Sentence =>
        (again) =>
          again
            ? `Among its children is ${p.name}, ${p.profession}.`
            : `${p.name} was born there in ${p.born}.`,
    ),
    ...firms.map(
      (f): Sentence =>
        (again) =>
          again
            ? `The people of ${f.name} make ${f.product}.`
            : `${f.name} has made ${f.product} there since ${f.founded}.`,
    ),
  ];
}

function firmFacts(world: World, firm: Firm): Sentence[] {
  const staff = world.people.filter((p) => p.firm === firm).slice(0, 5);
  return [
    (again) =>
      again
        ? `The year of its founding was ${firm.founded}.`
        : `${firm.name} was founded in ${firm.founded}.`,
    (again) =>
      again
        ? `Its ${firm.product} come from ${firm.place.name}.`
        : `It makes ${firm.product} in ${firm.place.name}, ${firm.place.kind} in ${firm.place.country}.`,
    ...staff.map(
      (p): Sentence =>
        (again) =>
          again
            ? `${p.firstName}, who ${p.hobby}, is on its staff.`
            : `${p.name} works there as ${p.profession}.`,
    ),
  ];
}

function shuffled<T>(stream: FactStream, list: readonly T[]): T[] {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = stream.below(i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

/** The document of an index, on its own: about half of them state their facts a second time, in other words. */
export function worldDocument(world: World, index: number): string {
  const stream = new FactStream(world.seed, 'world documents', index);
  const kind = stream.below(10);
  let facts: Sentence[];
  if (kind < 7) facts = personFacts(world, stream.pick(world.people));
  else if (kind < 9) facts = placeFacts(world, stream.pick(world.places));
  else facts = firmFacts(world, stream.pick(world.firms));
  // The first fact names whom the others are about.
  const told = [facts[0], ...shuffled(stream, facts.slice(1)).slice(0, 3 + stream.below(4))];
  const first = told.map((fact) => fact(false)).join(' ');
  if (stream.below(2) === 0) return first;
  return `${first}\n${shuffled(stream, told)
    .map((fact) => fact(true))
    .join(' ')}`;
}

/** `count` documents of the world with a seed, one after the other. */
export function* worldDocuments(seed: number, count: number): Generator<string> {
  const world = buildWorld(seed);
  for (let index = 0; index < count; index++) yield worldDocument(world, index);
}

import { philox, philoxKey } from '../../core/philox.ts';

/** Whole numbers below a bound, in a sequence that key and first counter word determine. */
export class FactStream {
  readonly #key: readonly [number, number];
  readonly #index: number;
  #drawn = 0;

  constructor(seed: number, stream: string, index: number) {
    this.#key = philoxKey(seed, stream);
    this.#index = index;
  }

  /** A number in 0 … bound − 1. */
  below(bound: number): number {
    const word = philox(this.#key, [this.#index >>> 0, this.#drawn++, 0, 0])[0];
    return Math.floor((word / 0x100000000) * bound);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

export interface Place {
  name: string;
  country: string;
  kind: string;
  knownFor: string;
}
export interface Firm {
  name: string;
  place: Place;
  product: string;
  founded: number;
}
export interface Person {
  name: string;
  firstName: string;
  pronoun: 'he' | 'she';
  born: number;
  birthplace: Place;
  home: Place;
  profession: string;
  firm: Firm;
  hobby: string;
  /** Indices into the people. */
  spouse: number;
  teacher: number;
}
export interface World {
  seed: number;
  places: Place[];
  firms: Firm[];
  people: Person[];
}

const women = [
  'Alma',
  'Bessa',
  'Clara',
  'Dorin',
  'Edda',
  'Fenna',
  'Greta',
  'Hilde',
  'Ines',
  'Jola',
  'Karin',
  'Lena',
  'Mira',
  'Nora',
  'Olga',
  'Petra',
];
const men = [
  'Anton',
  'Boris',
  'Colin',
  'David',
  'Emil',
  'Felix',
  'Georg',
  'Hugo',
  'Ivan',
  'Jonas',
  'Karl',
  'Lukas',
  'Marek',
  'Nils',
  'Oskar',
  'Pavel',
];
const starts = [
  'Bar',
  'Cal',
  'Dor',
  'El',
  'Far',
  'Gal',
  'Har',
  'Kel',
  'Lor',
  'Mar',
  'Nor',
  'Or',
  'Pel',
  'Ros',
  'Sal',
  'Tor',
  'Val',
  'Wen',
];
const middles = ['a', 'en', 'i', 'o', 'un', 'ar', 'el', 'is'];
const nameEnds = ['berg', 'dahl', 'feld', 'gard', 'holm', 'land', 'man', 'sen', 'stad', 'wick'];
const placeEnds = ['burg', 'bridge', 'ford', 'haven', 'mouth', 'port', 'ton', 'vale'];
const countries = ['Arland', 'Bravia', 'Corinth', 'Delmar', 'Estora', 'Falkia'];
const placeKinds = ['a small town', 'a large city', 'a quiet village', 'an old port', 'a market town'];
const knownFor = [
  'its old bridge',
  'its university',
  'its glass',
  'its wine',
  'its winter fair',
  'its white cliffs',
  'its clocks',
  'its library',
];
const firmKinds = ['Works', 'and Sons', 'Mills', 'Press', 'Shipping', 'Instruments'];
const products = [
  'bicycles',
  'paper',
  'ships',
  'clocks',
  'pianos',
  'maps',
  'lenses',
  'boots',
  'radios',
  'bread',
];
const professions = [
  'a baker',
  'a doctor',
  'a teacher',
  'an engineer',
  'a painter',
  'a printer',
  'a sailor',
  'a lawyer',
  'a gardener',
  'a clerk',
  'a chemist',
  'a carpenter',
];
const hobbies = [
  'plays the violin',
  'climbs mountains',
  'collects stamps',
  'grows roses',
  'paints boats',
  'plays chess',
  'reads poems',
  'repairs clocks',
];

function unique(stream: FactStream, make: () => string, taken: Set<string>): string {
  for (;;) {
    const name = make();
    if (taken.has(name)) {
      // Two draws can give one name; a third part makes it another.
      const longer = `${name.slice(0, 1)}${name.slice(1, 3)}${stream.pick(middles)}${name.slice(3)}`;
      if (taken.has(longer)) continue;
      taken.add(longer);
      return longer;
    }
    taken.add(name);
    return name;
  }
}

/** Everybody and everything of an invented world; the same seed gives the same facts. */
export function buildWorld(seed: number): World {
  const stream = new FactStream(seed, 'world facts', 0);
  const taken = new Set<string>();
  const compound = (ends: readonly string[]) => () =>
    `${stream.pick(starts)}${stream.pick(middles)}${stream.pick(ends)}`;
  const places = Array.from(
    { length: 60 },
    (): Place => ({
      name: unique(stream, compound(placeEnds), taken),
      country: stream.pick(countries),
      kind: stream.pick(placeKinds),
      knownFor: stream.pick(knownFor),
    }),
  );
  const surnames = Array.from({ length: 160 }, () => unique(stream, compound(nameEnds), taken));
  const firms = Array.from(
    { length: 50 },
    (_, index): Firm => ({
      name: `${surnames[index]} ${stream.pick(firmKinds)}`,
      place: stream.pick(places),
      product: stream.pick(products),
      founded: 1820 + stream.below(150),
    }),
  );
  const count = 480;
  const people = Array.from({ length: count }, (_, index): Person => {
    const she = index % 2 === 0;
    // Spouses are neighbours, so that the relation holds in both directions; a surname is shared by three people.
    const firstName = (she ? women : men)[(index >> 1) % 16];
    return {
      name: `${firstName} ${surnames[(index * 7 + (index >> 5)) % surnames.length]}`,
      firstName,
      pronoun: she ? 'she' : 'he',
      born: 1880 + stream.below(100),
      birthplace: stream.pick(places),
      home: stream.pick(places),
      profession: stream.pick(professions),
      firm: stream.pick(firms),
      hobby: stream.pick(hobbies),
      spouse: index ^ 1,
      teacher: stream.below(count),
    };
  });
  return { seed, places, firms, people };
}

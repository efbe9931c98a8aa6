import { type Randomness, pickerOf, zipf } from "./Randomness.ts"

/** A user of the data set. */
export interface Person {
  readonly id: string
  readonly createdAt: number
  readonly lastLoginAt: number | null
  readonly email: string
  readonly username: string
  readonly phoneNumber: string | null
  readonly firstName: string
  readonly lastName: string
  readonly role: "viewer" | "support" | "admin" | null
  readonly isActive: boolean
  readonly isVerified: boolean
  readonly isSuppressed: boolean
}

const day = 86_400_000

// The most frequent first: the share of a name falls as 1/n.
const firstNames = (
  "Maria Anna Mohammed Emma Lucas Sofia Noah Elena Daniel Laura David Sara Jan Julia Ahmed Marie Leon Eva Paul Olivia " +
  "Peter Nina Thomas Lena Michael Ana Martin Clara Ali Alice Jonas Mia Felix Amelia Hugo Ines Omar Lea Simon Hannah " +
  "Ivan Chiara Oscar Zoe Pavel Aisha Louis Ingrid Mateo Yuki Erik Fatima Max Carla Nils Priya Tim Rosa Viktor Chen " +
  "Bruno Astrid Diego Mei Rafael Freya Marek Leila Anton Greta Kofi Amara Sven Bianca Luca Dana Samir Helga Björn Zuzana " +
  "Arjun Esther Janusz Noor Kenji Petra Andrei Tamar Xavier Quinn"
).split(" ")
const lastNames = (
  "Müller García Nguyen Smith Silva Schmidt Rossi Kowalski Khan Jensen Martin Novák Johansson Ali López Weber Fernández " +
  "Dubois Ivanov Chen Brown Santos Hansen Bauer Kumar Moreau Fischer Nowak Costa Andersen Popescu Wagner Bianchi Lee " +
  "Svensson Horvat Hoffmann Sato Petrov Laurent Murphy Koch Oliveira Larsen Richter Wójcik Diaz Singh Klein Romano Berg " +
  "Haddad Virtanen Wolf Pereira Nielsen Krüger Tanaka Okafor Jones Braun Simon Eriksson Zimmermann Vasquez Gruber Leroy " +
  "Hartmann Kaya Lange Morris Persson Werner Yilmaz Schwarz Petersen Krause Cohen Meier Lindberg Huber Bakker Mayer Osei " +
  "Ferrari Walsh König Visser Kim Jansen Peeters Novak Mensah Lehmann Fontaine Kaiser Dvořák Ramos Fuchs Byrne Peters Lang " +
  "Scholz Almeida Weiss Jung Hahn Vogel Keller Park Quist Zając"
).split(" ")
const domains: ReadonlyArray<readonly [string, number]> = [
  ["gmail.com", 45],
  ["outlook.com", 14],
  ["yahoo.com", 9],
  ["icloud.com", 8],
  ["gmx.de", 6],
  ["web.de", 5],
  ["proton.me", 4],
  ["orange.fr", 3],
  ["example.com", 3],
  ["example.org", 3]
]

const firstName = zipf(firstNames)
const lastName = zipf(lastNames)
const domain = pickerOf(domains)

// Most registrations are recent: their number grows linearly over the months.
const registeredAt = (share: number, from: number, now: number): number => from + (now - from) * Math.sqrt(share)

/** The letters of a name in an address: "Müller" is "muller". */
const fold = (name: string): string =>
  name
    .normalize("NFD")
    .replaceAll(/[^A-Za-z]/g, "")
    .toLowerCase()

const foldedNames = new Map([...firstNames, ...lastNames].map((name) => [name, fold(name)]))

const stemOf = (random: Randomness, first: string, last: string): string => {
  const [given = "", family = ""] = [foldedNames.get(first), foldedNames.get(last)]
  const form = random.next()
  if (form < 0.5) return `${given}.${family}`
  if (form < 0.7) return `${given}${family}`
  if (form < 0.85) return `${given[0]}.${family}`
  return `${given}_${family}`
}

const phoneNumber = (random: Randomness): string => {
  const [country, digits] = random.pick([
    ["+49", 10],
    ["+33", 9],
    ["+44", 10],
    ["+48", 9],
    ["+1", 10]
  ] as const)
  const subscriber = Array.from({ length: digits }, (_, index) =>
    index === 0 ? random.below(9) + 1 : random.below(10)
  )
  const text = subscriber.join("")
  return random.chance(0.5) ? `${country}${text}` : `${country} ${text.slice(0, 3)} ${text.slice(3)}`
}

// A share of the members of staff, and at least one of each role.
const roleOf = (index: number): Person["role"] => {
  if (index === 0) return "admin"
  if (index % 16 === 0 && index <= 80) return "admin"
  if (index % 4 === 0 && index <= 80) return "support"
  return index <= 80 && index % 2 === 0 ? "viewer" : null
}

/**
 * The users, the oldest first. Names are as unequally frequent as real ones, so that prefixes of addresses select from one to a
 * tenth of all. Of a hundred, 2 are disabled, 12 not verified, 10 never logged in, and 40 have no phone number; of a thousand, 5 are
 * suppressed.
 */
export const people = function* (
  random: Randomness,
  count: number,
  times: { readonly from: number; readonly now: number }
): Generator<Person> {
  const taken = new Map<string, number>()
  for (let index = 0; index < count; index++) {
    const createdAt = registeredAt(index / count, times.from, times.now)
    const [first, last] = [firstName(random), lastName(random)]
    const stem = stemOf(random, first, last)
    const others = taken.get(stem) ?? 0
    taken.set(stem, others + 1)
    const username = others === 0 ? stem : `${stem}${others}`
    yield {
      id: random.uuid(createdAt),
      createdAt,
      // Half of those who log in did so in the last tenth of the time since their registration.
      lastLoginAt: random.chance(0.1) ? null : times.now - (times.now - createdAt) * random.next() ** 3.3,
      email: `${username}@${domain(random)}`,
      username,
      phoneNumber: random.chance(0.6) ? phoneNumber(random) : null,
      firstName: first,
      lastName: last,
      role: roleOf(index),
      isActive: !random.chance(0.02),
      isVerified: random.chance(0.88),
      isSuppressed: random.chance(0.005)
    }
  }
}

/** The times of a data set that ends now. */
export const timesOf = (now: number, months: number) => ({ from: now - months * 30.4 * day, now })

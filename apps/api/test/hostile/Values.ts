import { Predicate } from "effect"
import { oddTexts, ofOtherTypes } from "./Oddities.ts"
import { resolveRef } from "./OpenApi.ts"
import type { Random } from "./Random.ts"

// Values as the text that stands for them in JSON: not all can be said by a value of JavaScript.

// oxlint-disable-next-line typescript/no-explicit-any
type Json = any

const json = (value: unknown): string => JSON.stringify(value)

/** The schema of a field, and of one that may be null that of what it is else. */
const own = (schema: Json): Json => {
  const { anyOf, type } = resolveRef(schema)
  return resolveRef(type === undefined ? (anyOf?.find((one: Json) => one.type !== "null") ?? schema) : schema)
}

/** Whether a field of the schema takes texts, and not only some words. */
export const isText = (schema: Json): boolean => own(schema).type === "string" && own(schema).enum === undefined

const lengths = (max: number): ReadonlyArray<string> =>
  [max - 1, max, max + 1].flatMap((length) => [
    json("a".repeat(length)),
    json("\u00e9".repeat(length)),
    json("\ud834\udd1e".repeat(length)),
    json("e\u0301".repeat(Math.ceil(length / 2)))
  ])

const boundariesOf = (schema: Json): ReadonlyArray<string> => {
  if (schema.type === "string") return [...lengths(schema.maxLength ?? 254), json("x".repeat(90_000))]
  if (schema.type !== "integer" && schema.type !== "number") return []
  const limits = [schema.minimum ?? 0, schema.maximum ?? 2 ** 31 - 1]
  return [
    ...limits,
    ...limits.map((limit) => limit - 1),
    ...limits.map((limit) => limit + 1),
    2 ** 31,
    2 ** 63
  ].flatMap((number) => [String(number), `${number}.0`, `${number}.5`, json(String(number))])
}

const choicesOf = (schema: Json): ReadonlyArray<string> =>
  (schema.enum ?? []).flatMap((choice: string) => [choice, choice.toUpperCase(), ` ${choice}`, [choice]].map(json))

/** The good value in the guise of another. */
const disguised = (good: Json): ReadonlyArray<string> => [
  json([good]),
  json([good, good]),
  json({ value: good }),
  json(json(good)),
  json(`${String(good)}\u0000`),
  json(` ${String(good)}\n`),
  json(String(good).normalize("NFD").toUpperCase())
]

/** Everything to put where `good` is, which is of this schema. */
export const instead = (schema: Json, good: Json): ReadonlyArray<string> => {
  const field = own(schema)
  return [
    ...new Set([
      ...ofOtherTypes,
      ...disguised(good),
      ...boundariesOf(field),
      ...choicesOf(field),
      ...(isText(schema) ? oddTexts.map(json) : [json(""), json("\u0000"), json("\ud800"), json("\u0661")])
    ])
  ]
}

const inner = (schema: Json): ReadonlyArray<readonly [name: string, schema: Json]> => {
  const { items, properties } = own(schema)
  return items === undefined ? Object.entries<Json>(properties ?? {}) : [["0", items]]
}

/** Where the fields of a body are, of a list those of its first item, and what each is. */
export const fieldsOf = (
  schema: Json,
  path: ReadonlyArray<string> = []
): ReadonlyArray<{ readonly path: ReadonlyArray<string>; readonly schema: Json }> =>
  inner(schema).flatMap(([name, field]) => [
    { path: [...path, name], schema: field },
    ...fieldsOf(field, [...path, name])
  ])

/** The value at the path, if there is one. */
export const valueAt = (value: Json, path: ReadonlyArray<string>): Json =>
  path.reduce((at: Json, name) => (Predicate.isObjectOrArray(at) ? (at as Json)[name] : undefined), value)

const marker = "\u0001here\u0001"

const put = (value: Json, [name, ...rest]: ReadonlyArray<string>, what: Json): Json => {
  if (name === undefined) return what
  const changed = put(Predicate.isObjectOrArray(value) ? (value as Json)[name] : {}, rest, what)
  return Array.isArray(value) ? value.with(Number(name), changed) : { ...value, [name]: changed }
}

/** The body as text, with this text for the value at the path. */
export const withText = (body: Json, path: ReadonlyArray<string>, text: string): string =>
  json(put(body, path, marker)).replace(json(marker), () => text)

/** The body as text, without the value at the path. */
export const without = (body: Json, path: ReadonlyArray<string>): string => json(put(body, path, undefined))

/** A text of up to eight characters, of all planes. */
const randomText = (random: Random): string =>
  Array.from({ length: random.below(9) }, () =>
    String.fromCodePoint(random.below(random.pick([0x80, 0x800, 0xd900, 0x110000])))
  ).join("")

/** Any JSON, or a value that others have stumbled over. */
export const randomValue = (random: Random, depth = 3): string => {
  const kind = random.below(depth > 0 ? 6 : 4)
  if (kind === 0) return random.pick(ofOtherTypes)
  if (kind === 1) return json(random.pick(oddTexts))
  if (kind === 2) return json(randomText(random))
  if (kind === 3) return String((random.below(2 ** 31) - 2 ** 30) / random.pick([1, 1000, 1e-9]))
  const items = Array.from({ length: random.below(4) }, () => randomValue(random, depth - 1))
  if (kind === 4) return `[${items.join()}]`
  return `{${items.map((item) => `${json(randomText(random))}:${item}`).join()}}`
}

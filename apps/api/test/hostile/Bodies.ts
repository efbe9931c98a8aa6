import { bodyOf, good, type Part } from "./Case.ts"
import { goodTypes, nestedJson, otherTypes } from "./Oddities.ts"
import type { Operation } from "./OpenApi.ts"
import type { Random } from "./Random.ts"
import { fieldsOf, instead, randomValue, valueAt, without, withText } from "./Values.ts"

/** One field at a time is missing, or anything but what it should be. */
export const brokenFields = (operation: Operation): ReadonlyArray<Part> => {
  const part = { ...good(operation), expected: undefined }
  const body = bodyOf(operation)
  return fieldsOf(operation.body?.schema ?? {}).flatMap(({ path, schema }) => [
    { ...part, name: `without ${path.join(".")}`, body: without(body, path) },
    ...instead(schema, valueAt(body, path) ?? "x").map((text) => ({
      ...part,
      name: `${text.slice(0, 60)} for ${path.join(".")}`,
      body: withText(body, path, text)
    }))
  ])
}

const inside = (text: string, members: string): string => text.replace(/^\{/, () => `{${members},`)

// So many bytes more.
const padded = (text: string, length: number): string => inside(text, `"padding":"${"x".repeat(length)}"`)

/** No JSON at all. */
const malformed = (text: string): ReadonlyArray<string | Uint8Array> => [
  ...[0.1, 0.3, 0.5, 0.7, 0.9].map((end) => text.slice(0, Math.floor(text.length * end))),
  `${text}x`,
  `${text}${text}`,
  text.replaceAll('"', "'"),
  text.replace(/\}$/, ",}"),
  text.replaceAll(":", "="),
  `//\n${text}`,
  `)]}'\n${text}`,
  `{"a":01}`,
  `{"a":.5}`,
  `{"a":NaN}`,
  `{"a":"\n"}`,
  `{"a":"\\x41"}`,
  "undefined",
  "\u0000",
  "[".repeat(10_000),
  `{"a":`.repeat(10_000),
  Buffer.from(text, "utf16le"),
  Buffer.from([0xff, 0xfe, 0xfd])
]

/** JSON, and none that an operation takes. */
const malformedTexts = (text: string): ReadonlyArray<string> => [
  "null",
  "true",
  "0",
  '""',
  "[]",
  `[${text}]`,
  JSON.stringify(text),
  "{}"
]

/** As good as it was, for all that is in it besides. */
const harmless = (text: string): ReadonlyArray<string> => [
  inside(text, `"unknown":1,"":null`),
  inside(text, `"__proto__":{"email":"x","polluted":true},"constructor":{"prototype":{"polluted":true}}`),
  inside(text, `"toString":1,"hasOwnProperty":1,"toJSON":1,"then":1,"length":1e9`),
  inside(text, `"deep":${nestedJson.lists(10_000)}`),
  inside(text, `"deep":${nestedJson.objects(5000)}`),
  inside(text, `"number":1e999,"precise":0.1234567890123456789,"minus":-0`),
  inside(text, Array.from({ length: 5000 }, (_, index) => `"k${index}":${index}`).join()),
  inside(text, text.slice(1, -1)),
  ` \t\r\n${text} \t\r\n`,
  padded(text, 100_000)
]

/** The body as a whole is another, or sent as another. */
export const brokenBodies = (operation: Operation): ReadonlyArray<Part> => {
  const part = good(operation)
  const text = JSON.stringify(bodyOf(operation))
  const as = (headers: Readonly<Record<string, string>>, expected: Part["expected"]): Part => ({
    ...part,
    name: `as ${Object.values(headers).join()}`,
    headers: { ...part.headers, ...headers },
    expected
  })
  const open = { ...part, expected: undefined }
  return [
    ...malformed(text).map((body) => ({ ...part, name: `no JSON: ${String(body).slice(0, 40)}`, body, expected: 400 })),
    ...malformedTexts(text).map((body) => ({ ...open, name: `another JSON: ${body.slice(0, 40)}`, body })),
    ...harmless(text).map((body) => ({ ...part, name: `something more: ${body.slice(0, 60)}`, body })),
    ...otherTypes.map((type) => as({ "content-type": type }, 415)),
    ...goodTypes.map((type) => as({ "content-type": type }, "success")),
    as({ "content-encoding": "gzip" }, undefined),
    { ...part, name: "too large", body: padded(text, operation.needsKey ? 2_097_152 : 102_400), expected: 413 },
    { ...part, name: "far too large", body: padded(text, 3_000_000), expected: 413 },
    { ...open, name: "with bytes that are no UTF-8", body: Buffer.from(inside(text, '"a":"\u00ff"'), "latin1") },
    { ...open, name: "with a byte order mark", body: `\ufeff${text}` },
    { ...open, name: "without a body", body: "" }
  ]
}

/** Any JSON, or good bodies with anything in them. */
export const randomBodies = (operation: Operation, random: Random, count: number): ReadonlyArray<Part> => {
  const part = { ...good(operation), expected: undefined }
  const fields = fieldsOf(operation.body?.schema ?? {})
  const body = bodyOf(operation)
  const broken = (): string => {
    if (random.below(5) === 0) return randomValue(random)
    const { path } = random.pick(fields)
    const once = withText(body, path, randomValue(random))
    return random.below(2) === 0
      ? once
      : once.replace(/^\{/, () => `{${JSON.stringify(random.pick(fields).path[0])}:${randomValue(random)},`)
  }
  return Array.from({ length: count }, () => {
    const text = broken()
    return { ...part, name: `by chance: ${text.slice(0, 100)}`, body: text }
  })
}

import { brokenBodies, brokenFields, randomBodies } from "./Bodies.ts"
import { type Case, good, isForm, type Part } from "./Case.ts"
import {
  badIdempotencyKeys,
  entityTags,
  oddHeaders,
  oddIds,
  oddNumbers,
  oddQueries,
  strangeAuthorizations,
  unreadQuery
} from "./Oddities.ts"
import type { Operation } from "./OpenApi.ts"
import type { Random } from "./Random.ts"

const valid = (operation: Operation): ReadonlyArray<Part> => {
  const part = good(operation)
  const { path } = part
  return [
    part,
    {
      ...part,
      name: "with or without its last slash, the other way round",
      path: path.endsWith("/") ? path.slice(0, -1) : `${path}/`
    },
    { ...part, name: "with a query that nobody reads", path: `${path}?${unreadQuery}` }
  ]
}

const queries = (operation: Operation): ReadonlyArray<Part> => {
  const part = good(operation)
  const asking = (query: string, expected?: Part["expected"]): Part => ({
    ...part,
    name: `?${query.slice(0, 60)}`,
    path: `${part.path}?${query}`,
    expected
  })
  const read = operation.query.flatMap(({ name, value }) => [
    asking(`${name}=${value}`, "success"),
    asking(`${name}=x`, 422),
    ...oddNumbers.map((number) => asking(`${name}=${number}`)),
    ...[`${name}=1&${name}=2`, `${name}[]=1`, `${name}[a]=1`, name, `${name}=1=1`, `${name.toUpperCase()}=0`].map(
      (query) => asking(query)
    )
  ])
  return [...read, ...oddQueries.map((query) => asking(query))]
}

const ids = (operation: Operation): ReadonlyArray<Part> => {
  const part = { ...good(operation), expected: undefined }
  if (!part.path.includes("{{id}}")) return []
  return [
    ...oddIds.map((id) => ({
      ...part,
      name: `${id.slice(0, 60)} for an id`,
      path: part.path.replace("{{id}}", id),
      mayMiss: true
    })),
    { ...good(operation), name: "in capitals", path: part.path.replace("{{id}}", "{{ID}}"), expected: undefined }
  ]
}

const unauthenticated = (operation: Operation): ReadonlyArray<Part> => {
  const { headers: all, ...part } = good(operation)
  const headers = Object.fromEntries(
    Object.entries(all).filter(([name]) => !["authorization", "x-api-key"].includes(name))
  )
  const needsCredential = operation.needsToken || operation.needsKey
  const expected = needsCredential ? 401 : part.expected
  return [
    { ...part, name: "without a token or key", headers, expected },
    ...strangeAuthorizations.map((authorization) => ({
      ...part,
      name: `authorized by ${authorization.slice(0, 40)}`,
      headers: { ...headers, authorization },
      // The one that goes by a token it can do without.
      expected: operation.id === "logout" ? undefined : expected
    })),
    ...(operation.body === undefined || !needsCredential ? [] : ["{", "x".repeat(200_000)]).map((body) => ({
      ...part,
      name: `without a token, and ${body.slice(0, 10)}`,
      headers: { ...headers, "content-type": "text/plain" },
      body,
      expected
    }))
  ]
}

const expectedWith = (
  operation: Operation,
  headers: Readonly<Record<string, string>>,
  expected: Part["expected"]
): Part["expected"] => {
  if (operation.needsKey && "x-api-key" in headers) return 401
  if ("idempotency-key" in headers && operation.headers.includes("Idempotency-Key")) return 422
  return "if-none-match" in headers && operation.headers.includes("If-None-Match") ? undefined : expected
}

const withHeaders = (operation: Operation): ReadonlyArray<Part> => {
  const part = good(operation)
  return [
    ...oddHeaders.map((headers) => ({
      ...part,
      name: `with ${JSON.stringify(headers).slice(0, 60)}`,
      headers: { ...part.headers, ...headers },
      expected: expectedWith(operation, headers, part.expected)
    })),
    ...(operation.headers.includes("Idempotency-Key") ? badIdempotencyKeys : []).map((key) => ({
      ...part,
      name: `with Idempotency-Key: ${key.slice(0, 40)}`,
      headers: { ...part.headers, "idempotency-key": key },
      expected: 422 as const
    })),
    ...["If-Match", "If-None-Match"]
      .filter((name) => operation.headers.includes(name))
      .flatMap((name) =>
        entityTags.map((tag) => ({
          ...part,
          name: `with ${name}: ${tag.slice(0, 40)}`,
          headers: { ...part.headers, [name.toLowerCase()]: tag },
          expected: undefined
        }))
      )
  ]
}

/** What is no form, and forms that choose nothing. */
const brokenForms = (operation: Operation): ReadonlyArray<Part> => {
  const part = good(operation)
  const sending = (name: string, type: string, body: string | Uint8Array, expected: Part["expected"]): Part => ({
    ...part,
    name: `a form ${name}`,
    headers: { ...part.headers, "content-type": type },
    body,
    expected
  })
  const urlEncoded = isForm["content-type"]
  const broken = "multipart/form-data; boundary=b"
  return [
    sending("without a choice", urlEncoded, "a=b", 422),
    sending("without fields", urlEncoded, "", 422),
    sending("with a strange choice", urlEncoded, "action=%00&List-Unsubscribe=%F0%9D%84%9E", 422),
    sending("with a choice twice", urlEncoded, "List-Unsubscribe=x&List-Unsubscribe=One-Click", "success"),
    sending("of bytes that are no text", urlEncoded, new Uint8Array([0xff, 0xfe, 0x00]), 422),
    sending("that is too large", urlEncoded, "x".repeat(20_000), 413),
    sending("as JSON", "application/json", "{}", 415),
    sending("as text", "text/plain", "List-Unsubscribe=One-Click", 415),
    sending("without its boundary", broken, "List-Unsubscribe=One-Click", 400),
    sending("with a cut part", broken, '--b\r\ncontent-disposition: form-data; name="a', 400)
  ]
}

// PUT does what PATCH does, which is tried with everything.
const someOf = (operation: Operation, random: Random, parts: ReadonlyArray<Part>): ReadonlyArray<Part> =>
  operation.method === "PUT" ? parts.filter(() => random.below(4) === 0) : parts

/** All requests there are to make of the operation. */
export const casesOf = (operation: Operation, random: Random): ReadonlyArray<Case> => {
  const parts = [
    ...valid(operation),
    ...queries(operation),
    ...ids(operation),
    ...unauthenticated(operation),
    ...withHeaders(operation),
    ...(operation.form === undefined ? [] : brokenForms(operation)),
    ...(operation.body === undefined
      ? []
      : [
          ...brokenBodies(operation),
          ...someOf(operation, random, brokenFields(operation)),
          ...randomBodies(operation, random, 40)
        ])
  ]
  return parts.map((part) => ({ ...part, operation }))
}

import { assert, describe, it } from "@effect/vitest"
import * as KeySet from "@user-service/security/KeySet"
import { Result } from "effect"
import { calculateJwkThumbprint } from "jose"

const lifetime = { accessLifetimeSeconds: 3600 }
const first = KeySet.generate(1000)
const next = KeySet.makeKeyPair()
const rotated = KeySet.rotate(first, next, { now: 5000, ...lifetime })
const kids = (keys: ReadonlyArray<{ readonly kid: string }>) => keys.map((key) => key.kid)

describe("generate", () => {
  it("the first key signs immediately", () => {
    assert.strictEqual(KeySet.signingKey(first.access, 1000).kid, first.access[0].kid)
  })

  it("the kid is the RFC 7638 thumbprint of the key", async () => {
    const { jwk, kid } = first.access[0]
    assert.strictEqual(kid, await calculateJwkThumbprint({ kty: jwk.kty, crv: jwk.crv, x: jwk.x }))
  })

  it("two sets have no secret in common", () => {
    const other = KeySet.generate(1000)
    const secrets = [first, other].flatMap(({ access, links, refresh }) => [
      access[0].jwk.d,
      refresh.jwk.d,
      refresh.idSecret,
      links[0].secret
    ])
    assert.strictEqual(new Set(secrets).size, 8)
  })
})

describe("rotate", () => {
  it("the next key is published immediately and signs 300 s later", () => {
    assert.deepStrictEqual(kids(KeySet.publishedKeys(rotated.access, 5000)), [first.access[0].kid, next.kid])
    assert.strictEqual(KeySet.signingKey(rotated.access, 5299).kid, first.access[0].kid)
    assert.strictEqual(KeySet.signingKey(rotated.access, 5300).kid, next.kid)
  })

  it("the old key stays until its last token has expired, plus a minute for differing clocks", () => {
    const lastTokenEnds = 5299 + 3600
    assert.lengthOf(KeySet.publishedKeys(rotated.access, lastTokenEnds + 60), 2)
    assert.deepStrictEqual(kids(KeySet.publishedKeys(rotated.access, lastTokenEnds + 61)), [next.kid])
  })

  it("a second rotation before the first one takes effect removes no key", () => {
    const third = KeySet.makeKeyPair()
    const twice = KeySet.rotate(rotated, third, { now: 5010, ...lifetime })
    assert.deepStrictEqual(kids(twice.access), [first.access[0].kid, next.kid, third.kid])
    assert.strictEqual(twice.access[0].notAfter, rotated.access[0].notAfter)
    assert.deepStrictEqual(
      [5299, 5309, 5310].map((now) => KeySet.signingKey(twice.access, now).kid),
      kids(twice.access)
    )
  })

  it("expired keys are removed", () => {
    const third = KeySet.makeKeyPair()
    const later = KeySet.rotate(rotated, third, { now: 50_000, ...lifetime })
    assert.deepStrictEqual(kids(later.access), [next.kid, third.kid])
  })

  it("the refresh key and the secret for ids stay, so that no session ends", () => {
    assert.deepStrictEqual(rotated.refresh, first.refresh)
  })

  it("the next link key signs 300 s later, and no link key is ever removed", () => {
    const later = KeySet.rotate(rotated, KeySet.makeKeyPair(), { now: 900_000_000, ...lifetime })
    assert.lengthOf(later.links, 3)
    assert.deepStrictEqual(later.links.slice(0, 2), [...rotated.links])
    assert.strictEqual(KeySet.signingKey(rotated.links, 5299), rotated.links[0])
    assert.strictEqual(KeySet.signingKey(rotated.links, 5300), rotated.links[1])
  })
})

describe("parse", () => {
  const problem = (text: string) => Result.getOrElse(Result.flip(KeySet.parse(text)), () => undefined)
  const text = KeySet.format(rotated)
  const edited = (from: string, to: string) => {
    assert.include(text, from)
    return text.replace(from, to)
  }
  const { jwk, kid } = rotated.access[0]

  it("a formatted key set is parsed to an equal one", () => {
    assert.deepStrictEqual(KeySet.parse(KeySet.format(rotated)), Result.succeed(rotated))
  })

  it.each(["", "{", "null", "{}", '{"access":[],"refresh":{}}'])("%j is refused", (text) => {
    assert.strictEqual(problem(text), "is not a key set")
  })

  it("a file without access keys is refused", () => {
    assert.isDefined(problem(JSON.stringify({ ...JSON.parse(text), access: [] })))
  })

  it("a file of an older release without link keys gets one that is the same in every process, and a rotation keeps it", () => {
    const { links: _, ...older } = JSON.parse(KeySet.format(first))
    const parsed = [1, 2].map(() => Result.getOrThrow(KeySet.parse(JSON.stringify(older))))
    assert.deepStrictEqual(parsed[0]?.links, parsed[1]?.links)
    const [derived] = parsed
    assert.isDefined(derived)
    const next = KeySet.rotate(derived, KeySet.makeKeyPair(), { now: 5000, ...lifetime })
    assert.deepStrictEqual(Result.getOrThrow(KeySet.parse(KeySet.format(next))).links[0], derived.links[0])
    const { links: _none, ...other } = JSON.parse(KeySet.format(KeySet.generate(1000)))
    assert.notDeepEqual(Result.getOrThrow(KeySet.parse(JSON.stringify(other))).links, derived.links)
  })

  it("a link key that does not match its id is refused", () => {
    assert.match(problem(edited(first.links[0].secret, "A".repeat(43))) ?? "", /does not fit together/)
  })

  it("a kid that does not match its key is refused", () => {
    assert.match(problem(edited(kid, next.kid)) ?? "", /does not fit together/)
  })

  it("a private key with the public key of another one is refused", () => {
    assert.match(problem(edited(jwk.d, next.jwk.d)) ?? "", /does not fit together/)
  })

  it("no error message contains a key", () => {
    for (const text of [edited('"not_before": 1000', '"not_before": "soon"'), edited(rotated.refresh.kid, next.kid)]) {
      const message = problem(text) ?? ""
      assert.isNotEmpty(message)
      for (const secret of [
        first.access[0].jwk.d,
        first.refresh.jwk.d,
        first.refresh.idSecret,
        first.links[0].secret
      ]) {
        assert.notInclude(message, secret)
      }
    }
  })
})

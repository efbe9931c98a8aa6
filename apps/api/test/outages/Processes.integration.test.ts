import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Outbox } from "@user-service/core/outbox/Outbox"
import { SessionSettings } from "@user-service/core/SessionSettings"
import * as Postgres from "@user-service/database/Postgres"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import { Storage } from "@user-service/database/Storage"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import * as Relay from "@user-service/database/testing/Relay"
import * as Keys from "@user-service/security/Keys"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { inject } from "vitest"
import * as RedisEngines from "../../src/RedisEngines.ts"
import * as Jwt from "../sessions/Jwt.ts"
import type { SharedEngines } from "../TestApi.ts"
import { make, type Process, profile } from "./Pair.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

const bioOf = (process: Process, token: string) =>
  Effect.map(process.send("GET", profile, { token }), ({ body }) => body.data.profile.bio)

/** One turn of a relay of the events, as the worker takes it. */
const relayAll = (shared: SharedEngines, { settings }: Process) =>
  Outbox.use(({ relay }) =>
    relay({ limit: 1000, shards: 16, except: [] }, (events) => Effect.succeed(events.map(({ id }) => id)))
  ).pipe(
    Effect.provide(
      Outbox.layer.pipe(
        Layer.provide([Storage.layer, SecureRandom.layerWebCrypto, Layer.succeed(SessionSettings, settings.sessions)]),
        Layer.provide(RedisEngines.layer({ url: Redacted.make(shared.redisUrl), prefix: shared.prefix })),
        Layer.provide(Postgres.layer(settingsOf(shared.databaseUrl, 2)))
      )
    )
  )

describe.skipIf(databaseUrl === "" || redisUrl === "")("of two processes", () => {
  it.live(
    "a process that ends between a commit and its invalidation leaves nothing stale after its event is published",
    () =>
      Effect.gen(function* () {
        const { process, shared } = yield* make(databaseUrl, redisUrl)
        const link = yield* Relay.make(redisUrl)
        const life = yield* Scope.make()
        const a = yield* Scope.provide(process({ redisUrl: link.url }), life)
        const b = yield* process()
        const { access } = yield* a.person()
        const change = (bio: string) => a.send("PATCH", profile, { token: access, body: { profile: { bio } } })
        yield* change("before")
        yield* relayAll(shared, b)
        assert.strictEqual(yield* bioOf(b, access), "before")

        // Its commit goes through, and what it would tell Redis does not.
        yield* link.cut
        assert.strictEqual((yield* change("after")).status, 200)
        yield* Scope.close(life, Exit.void)
        assert.strictEqual(yield* bioOf(b, access), "before")
        yield* relayAll(shared, b)
        assert.strictEqual(yield* bioOf(b, access), "after")
      })
  )

  it.live("both load a published key, sign with it from the same time on and accept each other's tokens", () =>
    Effect.gen(function* () {
      const { process } = yield* make(databaseUrl, redisUrl)
      const both = [yield* process(), yield* process()]
      const [a] = both
      const person = yield* (a ?? assert.fail()).person()
      const kidsOf = (one: Process) =>
        Effect.map(one.send("GET", "/.well-known/jwks.json"), ({ body }) =>
          body.keys.map(({ kid }: { kid: string }) => kid)
        )
      const signedBy = Effect.map(
        Effect.forEach(both, (one) => one.login(person)),
        (tokens) => tokens.map(({ access }) => ({ access, kid: Jwt.headerOf(access).kid }))
      )
      const assertTaken = Effect.fnUntraced(function* (tokens: ReadonlyArray<{ readonly access: string }>) {
        for (const { access } of tokens) {
          for (const one of both) assert.strictEqual((yield* one.send("GET", profile, { token: access })).status, 200)
        }
      })
      const before = yield* signedBy
      const path = both[0]?.settings.keys.path ?? assert.fail()
      const { kid: next } = yield* Keys.rotateFile(path, 3600).pipe(Effect.provide(NodeServices.layer))
      // The file is looked at every second.
      for (const one of both) yield* waitUntil(Effect.map(kidsOf(one), (kids) => kids.includes(next)))
      const meanwhile = yield* signedBy
      assert.deepStrictEqual(
        meanwhile.map(({ kid }) => kid),
        before.map(({ kid }) => kid)
      )
      for (const one of both) yield* one.pass("5 minutes")
      const after = yield* signedBy
      assert.deepStrictEqual(
        after.map(({ kid }) => kid),
        [next, next]
      )
      yield* assertTaken([...before, ...meanwhile, ...after])
    })
  )
})

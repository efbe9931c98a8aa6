import { assert, describe, it } from "@effect/vitest"
import { RedisHealth } from "@user-service/cache/Redis"
import * as Certificates from "@user-service/cache/testing/Certificates"
import { waitUntil } from "@user-service/cache/testing/Fresh"
import * as RedisCluster from "@user-service/cache/testing/RedisCluster"
import { Context, Effect, Layer } from "effect"
import { Redis } from "effect/persistence"
import { spawnSync } from "node:child_process"
import { oneProcess } from "./engine.ts"

const areInstalled = [
  ["redis-server", "--version"],
  ["openssl", "version"]
].every(([program = "", argument = ""]) => spawnSync(program, [argument]).status === 0)

/** That keys of all nodes are written and read at this address. */
const works = Effect.fnUntraced(function* (url: string) {
  const context = yield* Layer.build(oneProcess(url, "test:"))
  const redis = Context.get(context, Redis.Redis)
  const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`)
  yield* waitUntil(
    Effect.matchEffect(
      Effect.forEach(keys, (key) => redis.send("set", key, key)),
      { onFailure: () => Effect.succeed(false), onSuccess: () => Effect.succeed(true) }
    )
  )
  assert.deepStrictEqual(yield* redis.send("mget", ...keys), keys)
}, Effect.scoped)

const refusal = (url: string) =>
  Effect.scoped(
    Effect.flatMap(Layer.build(oneProcess(url, "test:")), (context) =>
      Effect.flip(Context.get(context, RedisHealth).ping)
    )
  )

describe.skipIf(!areInstalled)("a Redis Cluster of three nodes (skipped without redis-server or openssl)", () => {
  it.live("by IPv6 with a comma in the password, by several nodes and by one alone", () =>
    Effect.gen(function* () {
      const nodes = yield* RedisCluster.make({ address: "::1", password: "a,b" })
      yield* works(`redis://:a,b@${nodes.join(", ")}`)
      yield* works(`redis://:a,b@${nodes[0]}?cluster=true`)
      const { message } = yield* refusal(`redis://:a,b@${nodes[0]}`)
      assert.match(
        message,
        /^Redis cannot be used as REDIS_URL says: it is a node of a Redis Cluster: .*\?cluster=true/
      )
      const { problem } = yield* refusal(`redis://:hunter2@${nodes.join()}`)
      assert.match(problem, /^it refuses the user or the password \(WRONGPASS/)
    })
  )

  it.live("over TLS by name, with a certificate for the name alone", () =>
    Effect.gen(function* () {
      const tls = yield* Certificates.make("DNS:localhost")
      const nodes = yield* RedisCluster.make({ tls, hostname: "localhost" })
      const { problem } = yield* refusal(`rediss://${nodes.join()}`)
      assert.match(problem, /^its certificate is of an authority that is not trusted here; NODE_EXTRA_CA_CERTS names/)
      yield* Certificates.trust(tls.authority)
      yield* works(`rediss://${nodes.join()}`)
      yield* works(`rediss://${nodes[0]}?cluster=true`)
      const byAddress = nodes.map((node) => node.replace("localhost", "127.0.0.1")).join()
      assert.match((yield* refusal(`rediss://${byAddress}`)).problem, /^its certificate is for another name/)
    })
  )
})

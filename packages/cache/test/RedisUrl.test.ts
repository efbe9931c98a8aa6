import { assert, describe, it } from "@effect/vitest"
import { config, parse } from "@user-service/cache/RedisUrl"
import { ConfigProvider, Effect, Option, Redacted, Result } from "effect"

const one = {
  hosts: [{ host: "cache", port: 6379 }],
  isCluster: false,
  sentinel: undefined,
  tls: false,
  username: undefined,
  password: undefined,
  database: 0
}
const two = [
  { host: "a", port: 1 },
  { host: "b", port: 6379 }
]

const read = (url: string) => config.parse(ConfigProvider.fromUnknown({ REDIS_URL: url }))

describe("REDIS_URL", () => {
  it("names a host, and a port, a login and a database where they are not the usual ones", () => {
    const urls = {
      "redis://cache": one,
      " rediss://cache:6379/ ": { ...one, tls: true },
      "redis://[::1]:7000/3": { ...one, hosts: [{ host: "::1", port: 7000 }], database: 3 },
      "redis://:p%40ss@cache": { ...one, password: "p@ss" },
      "redis://user:a/b:c@d@cache": { ...one, username: "user", password: "a/b:c@d" },
      "redis://cache?cluster=true": { ...one, isCluster: true }
    }
    for (const [url, address] of Object.entries(urls)) assert.deepStrictEqual(parse(url), Result.succeed(address), url)
  })

  it("names nodes of a cluster with commas between, with or without a space, a scheme or brackets", () => {
    const cluster = { ...one, hosts: two, isCluster: true }
    const urls = {
      "redis://a:1,b": cluster,
      "redis://a:1 ,  b:6379": cluster,
      "redis://a:1, redis://b": cluster,
      "redis://u:p@a:1,redis://u:p@b": { ...cluster, username: "u", password: "p" },
      "rediss://:p,q@a:1,b": { ...cluster, password: "p,q", tls: true },
      "redis://[::1]:1,[::1]:2": {
        ...cluster,
        hosts: [
          { host: "::1", port: 1 },
          { host: "::1", port: 2 }
        ]
      }
    }
    for (const [url, address] of Object.entries(urls)) assert.deepStrictEqual(parse(url), Result.succeed(address), url)
  })

  it("names sentinels, and the Redis that they watch", () => {
    const users = { name: "users", username: undefined, password: undefined }
    const watched = { ...one, hosts: [{ host: "a", port: 26_379 }], sentinel: users }
    const urls = {
      "redis+sentinel://a/users": watched,
      "rediss+sentinel://a:26379/users/3": { ...watched, tls: true, database: 3 },
      "redis+sentinel://u:p@a:1,redis+sentinel://u:p@b:6379/users/": {
        ...watched,
        hosts: two,
        username: "u",
        password: "p"
      },
      "redis+sentinel://:p,q@a:1,b:6379/users?sentinel_user=s&sentinel_password=x%3D%26": {
        ...watched,
        hosts: two,
        password: "p,q",
        sentinel: { name: "users", username: "s", password: "x=&" }
      }
    }
    for (const [url, address] of Object.entries(urls)) assert.deepStrictEqual(parse(url), Result.succeed(address), url)
  })

  it.effect("is refused in words where it is none, without any of it", () =>
    Effect.gen(function* () {
      const urls = {
        "http://hunter2@cache": "must be redis://user:password@host:port/database",
        "redis://": "must be redis://",
        "redis://a,,b": "must be redis://",
        "redis://a, b c": "must be redis://",
        "redis://cache:70000": "must be redis://",
        "redis://a:1,b:0": "must be redis://",
        "redis://:hunter2%zz@cache": "has a % without two hexadecimal digits after it: write %25 for a % itself",
        "redis://:hunter2%e4@cache": "has percent-encoded bytes that are not UTF-8",
        "redis://a,rediss://b": "must not have redis:// and rediss:// together",
        "redis://cache/hunter2": "must have the number of a database after the /",
        "redis://a,b/1": "must name no database: a Redis Cluster has one alone",
        "redis://a,redis+sentinel://b": "must not have redis:// and rediss:// together, nor either with +sentinel",
        "redis+sentinel://a": "must have the name by which the sentinels know the Redis",
        "redis+sentinel://a/users/hunter2": "must have the name by which the sentinels know the Redis",
        "redis+sentinel://a/users?password=hunter2": "must have no parameters but sentinel_user and sentinel_password",
        "redis+sentinel://a/users?sentinel_password=hunter2%e4": "has percent-encoded bytes that are not UTF-8",
        "redis://cache?db=hunter2": "must have no parameter but cluster=true"
      }
      for (const [url, problem] of Object.entries(urls)) {
        const { message } = yield* Effect.flip(read(url))
        assert.include(message, problem, url)
        assert.include(message, "REDIS_URL")
        assert.notInclude(message, "hunter2")
      }
      const url = "redis://:hunter2@cache"
      assert.strictEqual(Redacted.value(Option.getOrThrow(yield* read(url))), url)
    })
  )
})

import { assert, describe, it } from "@effect/vitest"
import { RateLimits } from "@user-service/cache/RateLimits"
import { type Bucket, Limits } from "@user-service/core/limits/Limits"
import { LimitSettings } from "@user-service/core/limits/LimitSettings"
import { RateLimited } from "@user-service/domain/RateLimit"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { ConfigProvider, Deferred, Duration, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"

const three = (name: string) => Option.some({ name, limit: 3, window: Duration.minutes(5) })

const settings = Layer.succeed(LimitSettings, {
  register: Option.none(),
  loginAccount: three("login-account"),
  loginIp: three("login-ip"),
  refresh: three("refresh"),
  changePassword: Option.none(),
  passwordReset: Option.none(),
  verifyEmail: Option.none(),
  mailIp: Option.none(),
  confirm: Option.none(),
  write: Option.none(),
  export: Option.none(),
  auditExport: Option.none(),
  unsubscribe: Option.none(),
  serviceKey: Option.none(),
  serviceKeyIp: Option.none()
})

const layer = Limits.layer.pipe(Layer.provide([RateLimits.layerMemory, settings]))

const bucket = (limit: Bucket["limit"] = "refresh"): Bucket => ({ limit, key: randomUUID() })

const attempt = (...buckets: ReadonlyArray<Bucket>) =>
  Limits.use((limits) => limits.guard(buckets)(Effect.succeed("done")))

/** How many more attempts pass. */
const left = (...buckets: ReadonlyArray<Bucket>): Effect.Effect<number, never, Limits> =>
  Effect.matchEffect(attempt(...buckets), {
    onFailure: () => Effect.succeed(0),
    onSuccess: () => Effect.map(left(...buckets), (more) => more + 1)
  })

describe("Limits", () => {
  it.layer(layer)((it) => {
    it.effect("an attempt beyond the limit is not executed until the window ends", () =>
      Effect.gen(function* () {
        const limits = yield* Limits
        const spent = bucket()
        assert.strictEqual(yield* left(spent), 3)
        let made = false
        const error = yield* Effect.flip(limits.guard([spent])(Effect.sync(() => (made = true))))
        assert.instanceOf(error, RateLimited)
        assert.isFalse(made)
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(yield* left(spent), 3)
      })
    )

    it.effect("an attempt is counted before it is executed, so that the limit applies to concurrent ones", () =>
      Effect.gen(function* () {
        const limits = yield* Limits
        const gate = yield* Deferred.make<void>()
        const shared = bucket()
        let begun = 0
        const slow = Effect.andThen(
          Effect.sync(() => begun++),
          Deferred.await(gate)
        )
        const all = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 50 }, () => Effect.result(limits.guard([shared])(slow))),
            { concurrency: "unbounded" }
          ),
          { startImmediately: true }
        )
        assert.strictEqual(begun, 3)
        yield* Deferred.succeed(gate, undefined)
        assert.lengthOf(
          (yield* Fiber.join(all)).filter((result) => result._tag === "Success"),
          3
        )
      })
    )

    it.effect("an attempt that fails because an engine is unavailable is refunded in every bucket", () =>
      Effect.gen(function* () {
        const limits = yield* Limits
        const [account, address] = [bucket("loginAccount"), bucket("loginIp")]
        const down = new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 })
        for (let time = 0; time < 10; time++) {
          assert.strictEqual(yield* Effect.flip(limits.guard([address, account])(Effect.fail(down))), down)
        }
        assert.strictEqual(yield* left(account), 3)
        assert.strictEqual(yield* left(address), 3)
      })
    )

    it.effect("an attempt that succeeds or fails for another reason counts", () =>
      Effect.gen(function* () {
        const limits = yield* Limits
        const tried = bucket()
        assert.strictEqual(yield* Effect.flip(limits.guard([tried])(Effect.fail("wrong"))), "wrong")
        assert.strictEqual(yield* attempt(tried), "done")
        assert.strictEqual(yield* left(tried), 1)
      })
    )

    it.effect(
      "of attempts whose successes are counted, those without a counted result and those that fail are refunded",
      () =>
        Effect.gen(function* () {
          const limits = yield* Limits
          const sent = bucket()
          const send = limits.guardSuccesses([sent], (isSent: boolean) => isSent)
          for (let time = 0; time < 10; time++) {
            assert.isFalse(yield* send(Effect.succeed(false)))
            assert.strictEqual(yield* Effect.flip(send(Effect.fail("wrong"))), "wrong")
          }
          assert.isTrue(yield* send(Effect.succeed(true)))
          assert.strictEqual(yield* left(sent), 2)
        })
    )

    it.effect("an attempt refused by one bucket counts in those before it and in none after", () =>
      Effect.gen(function* () {
        const [address, account, after] = [bucket("loginIp"), bucket("loginAccount"), bucket()]
        yield* left(account)
        yield* Effect.flip(attempt(address, account, after))
        assert.strictEqual(yield* left(address), 2)
        assert.strictEqual(yield* left(after), 3)
      })
    )

    it.effect("a cleared bucket is empty, and another key's is unchanged", () =>
      Effect.gen(function* () {
        const limits = yield* Limits
        const [cleared, other] = [bucket(), bucket()]
        yield* left(cleared)
        yield* left(other)
        yield* limits.clear(cleared)
        assert.strictEqual(yield* left(cleared), 3)
        assert.strictEqual(yield* left(other), 0)
      })
    )

    it.effect("one key under two limits is two buckets", () =>
      Effect.gen(function* () {
        const key = randomUUID()
        yield* left({ limit: "loginIp", key })
        assert.strictEqual(yield* left({ limit: "loginAccount", key }), 3)
      })
    )

    it.effect("a limit that is off lets all pass", () =>
      Effect.gen(function* () {
        const open = bucket("changePassword")
        for (let time = 0; time < 100; time++) assert.strictEqual(yield* attempt(open), "done")
      })
    )
  })
})

describe("config", () => {
  const read = (env: Record<string, string>) => LimitSettings.config.parse(ConfigProvider.fromUnknown(env))
  const limit = (name: string, limit: number, window: Duration.Input) =>
    Option.some({ name, limit, window: Duration.fromInputUnsafe(window) })

  it.effect("the limits of an empty environment", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* read({}), {
        register: limit("register", 5, "1 hour"),
        loginAccount: limit("login-account", 10, "5 minutes"),
        loginIp: limit("login-ip", 100, "5 minutes"),
        refresh: limit("refresh", 30, "1 minute"),
        changePassword: limit("change-password", 5, "15 minutes"),
        write: limit("write", 300, "1 minute")
      })
    })
  )

  it.effect("each limit has its own variable, and can be off", () =>
    Effect.gen(function* () {
      const limits = yield* read({ RATE_LIMIT_LOGIN_IP: "off", RATE_LIMIT_REFRESH: "2/10s" })
      assert.deepStrictEqual(limits.loginIp, Option.none())
      assert.deepStrictEqual(limits.refresh, limit("refresh", 2, "10 seconds"))
    })
  )
})

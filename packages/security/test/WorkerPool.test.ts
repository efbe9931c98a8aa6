import { assert, describe, it } from "@effect/vitest"
import { hash, type HashAnswer, type HashJob } from "@user-service/security/PasswordHash"
import * as WorkerPool from "@user-service/security/WorkerPool"
import { Deferred, Effect, Fiber } from "effect"
import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { promisify } from "node:util"

const job = (cost: number): HashJob => ({ operation: "hash", password: "correct horse", cost })
const make = (size: number, queueSize: number, onDepth: (waiting: number) => void = () => {}) =>
  WorkerPool.make<HashJob, HashAnswer>({ worker: "hash-worker", size, queueSize, onDepth })

describe("WorkerPool", () => {
  it.effect("with a full queue a job is refused at once, with the estimated time of the jobs before it", () =>
    Effect.gen(function* () {
      const pool = yield* make(1, 2)
      for (let place = 0; place < 3; place++) yield* pool.enterQueue
      const refusal = yield* Effect.flip(pool.enterQueue)
      assert.strictEqual(refusal._tag, "QueueFull")
      assert.isAbove(refusal._tag === "QueueFull" ? refusal.waitMillis : 0, 0)
      yield* pool.leaveQueue
      yield* pool.enterQueue
      assert.strictEqual((yield* Effect.flip(pool.enterQueue))._tag, "QueueFull")
    }).pipe(Effect.scoped)
  )

  it.effect("jobs run in the order of their arrival", () =>
    Effect.gen(function* () {
      const pool = yield* make(1, 64)
      const order: Array<number> = []
      yield* Effect.forEach(
        [7, 4, 6, 4, 5, 4].entries(),
        ([index, cost]) => Effect.map(pool.run(job(cost)), () => order.push(index)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(order, [0, 1, 2, 3, 4, 5])
    }).pipe(Effect.scoped)
  )

  it.effect("a job that is interrupted while it waits leaves the queue, and the others keep their order", () =>
    Effect.gen(function* () {
      const depths: Array<number> = []
      const pool = yield* make(1, 2, (waiting) => depths.push(waiting))
      const fork = (cost: number) => Effect.forkChild(pool.run(job(cost)), { startImmediately: true })
      const running = yield* fork(8)
      const leaving = yield* fork(4)
      const staying = yield* fork(4)
      yield* Fiber.interrupt(leaving)
      const late = yield* fork(4)
      yield* Fiber.joinAll([running, staying, late])
      assert.deepStrictEqual(depths, [1, 0, 1, 2, 1, 2, 1, 0])
    }).pipe(Effect.scoped)
  )

  it.effect("a job that is interrupted while it runs delays no other", () =>
    Effect.gen(function* () {
      const pool = yield* make(1, 2)
      yield* Fiber.interrupt(yield* Effect.forkChild(pool.run(job(8)), { startImmediately: true }))
      assert.isString((yield* pool.run(job(4))).value)
    }).pipe(Effect.scoped)
  )

  it.effect("a thread that dies fails only its current job and is replaced", () =>
    Effect.gen(function* () {
      const pool = yield* make(1, 8)
      const [bad, good] = yield* Effect.all([Effect.flip(pool.run(job(99))), pool.run(job(4))], { concurrency: 2 })
      assert.strictEqual(bad._tag, "WorkerDied")
      assert.isString(good.value)
      assert.isString((yield* pool.run(job(4))).value)
    }).pipe(Effect.scoped)
  )

  it.effect("as many jobs run at once as there are threads", () =>
    Effect.gen(function* () {
      const depths: Array<number> = []
      const pool = yield* make(2, 8, (waiting) => depths.push(waiting))
      yield* Effect.forEach([4, 4, 4], (cost) => pool.run(job(cost)), { concurrency: 3 })
      assert.deepStrictEqual(depths, [1, 0, 1, 0, 1, 0])
    }).pipe(Effect.scoped)
  )

  it.effect("closing the pool fails the waiting jobs", () =>
    Effect.gen(function* () {
      const forked = yield* Deferred.make<ReadonlyArray<Fiber.Fiber<unknown, WorkerPool.PoolRefusal>>>()
      yield* Effect.gen(function* () {
        const pool = yield* make(1, 8)
        yield* Deferred.succeed(
          forked,
          yield* Effect.forEach([12, 4], (cost) => Effect.forkDetach(pool.run(job(cost)), { startImmediately: true }))
        )
      }).pipe(Effect.scoped)
      for (const fiber of yield* Deferred.await(forked)) {
        assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "WorkerDied")
      }
    })
  )

  it("a program that has hashed ends by itself when it runs from its sources", async () => {
    const program = `
      import { Effect, Layer, Redacted } from "effect"
      import { PasswordHasher } from "@user-service/security/PasswordHasher"
      import { PasswordSettings } from "@user-service/security/PasswordSettings"
      const hash = Effect.flatMap(PasswordHasher, (hasher) => hasher.hash(Redacted.make("x")))
      const settings = Layer.succeed(PasswordSettings, { cost: 4, queueSize: 1 })
      await Effect.runPromise(Effect.provide(hash, Layer.provide(PasswordHasher.layer, settings)))
      console.log("hashed")`
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@user-service/source", "--input-type=module", "--eval", program],
      { cwd: import.meta.dirname, timeout: 20_000 }
    )
    assert.strictEqual(stdout, "hashed\n")
  })

  it.effect.skipIf(process.platform !== "linux")("its threads have their own niceness", () =>
    Effect.gen(function* () {
      const threadsWith = (niceness: number) =>
        readdirSync("/proc/self/task").filter((id) => {
          // The fields after the name of the thread, which is in brackets (proc(5)).
          const fields = readFileSync(`/proc/self/task/${id}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
          return Number(fields[16]) === niceness
        }).length
      const pool = yield* WorkerPool.make<HashJob, HashAnswer>({
        worker: "hash-worker",
        size: 1,
        queueSize: 1,
        onDepth: () => {},
        niceness: 7
      })
      const before = threadsWith(7)
      yield* pool.run(job(4))
      assert.deepStrictEqual([before, threadsWith(7)], [0, 1])
      const usual = threadsWith(10)
      yield* (yield* make(1, 1)).run(job(4))
      assert.strictEqual(threadsWith(10), usual + 1)
    }).pipe(Effect.scoped)
  )

  it.effect("a thread reports how long it worked, and hashes like the calling thread", () =>
    Effect.gen(function* () {
      const pool = yield* make(1, 1)
      const answer = yield* pool.run({ operation: "verify", spellings: ["a"], stored: hash("a", 4), cost: 4 })
      assert.isTrue(answer.value)
      assert.isAbove(answer.milliseconds, 0)
    }).pipe(Effect.scoped)
  )
})

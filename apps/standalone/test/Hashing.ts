import { Clock, Duration, Effect, Fiber } from "effect"
import { availableParallelism } from "node:os"
import type { Send } from "./Http.ts"
import { type Person, register } from "./Journey.ts"
import { waitUntil } from "./WaitUntil.ts"

/** Registers people one after the other, and returns them with the duration. */
export const registerSome = (send: Send, count: number) =>
  Effect.map(Effect.timed(Effect.all(Array.from({ length: count }, () => register(send)))), ([elapsed, people]) => ({
    people,
    hashing: Duration.divideUnsafe(elapsed, count)
  }))

// At most twice the shutdown notice.
const keptBusy = Duration.seconds(4)

/** Starts so many concurrent logins that all hashing threads of the processes are busy for seconds. */
export const slowLogins = Effect.fnUntraced(function* (
  send: Send,
  { hashing, people }: Effect.Success<ReturnType<typeof registerSome>>,
  processes = 1
) {
  const login = (person: Pick<Person, "email" | "password">) =>
    Effect.gen(function* () {
      const { email, password } = person
      const { status, text } = yield* send("POST", "/api/v1/users/login/", { body: { email, password } })
      return { status, text, at: yield* Clock.currentTimeMillis }
    })
  const turns = Math.max(2, Math.ceil(Duration.toMillis(keptBusy) / Duration.toMillis(hashing)))
  const count = turns * availableParallelism() * processes
  const everyone = Array.from({ length: count }, (_, index) => people[index % people.length])
  const fibers = yield* Effect.forEach(
    everyone.filter((person) => person !== undefined),
    (person) => Effect.forkChild(login(person), { startImmediately: true })
  )
  return { answers: Fiber.joinAll(fibers) }
})

/** Waits until a login waits for a thread. */
export const hashesWait = (send: Send) =>
  waitUntil(
    "A hash waits",
    Effect.map(send("GET", "/metrics"), ({ text }) => /^password_hash_queue_depth [1-9]/m.test(text))
  )

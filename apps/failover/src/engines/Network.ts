// A network namespace for the first API, connected by a veth pair to addresses of the engines (decision 0048).
import { Effect, Random } from "effect"
import { run } from "./Machine.ts"

export type Engine = "postgres" | "rabbitmq" | "redis"

/** The addresses of a run, and the connections of the first API. Needs root and iproute2. */
export interface Network {
  /** The namespace of the first API, and its address there. */
  readonly namespace: string
  readonly remoteAddress: string
  /** The address of all other instances. */
  readonly localAddress: string
  readonly addressOf: (engine: Engine) => string
  /** Drops all packets of the engine to the first API, so that it hears no answer and no refusal. */
  readonly partition: (engine: Engine) => Effect.Effect<void>
  readonly heal: (engine: Engine) => Effect.Effect<void>
}

const engines: ReadonlyArray<Engine> = ["postgres", "rabbitmq", "redis"]

const ip = (...args: ReadonlyArray<string>) => run("ip", args)
const tolerant = (...args: ReadonlyArray<string>) => run("sh", ["-c", `ip ${args.join(" ")} 2>/dev/null || true`])

/** Makes the namespace. It is removed with the scope. */
export const make = Effect.gen(function* () {
  // Another run on this machine has other names.
  const number = yield* Random.nextIntBetween(1, 255)
  const namespace = `failover${number}`
  const [local, remote] = [`fo${number}a`, `fo${number}b`]
  const address = (last: number) => `10.213.${number}.${last}`
  const remoteAddress = address(10)
  const addressOf = (engine: Engine) => address(2 + engines.indexOf(engine))
  const rule = (engine: Engine) => ["blackhole", "from", addressOf(engine), "to", remoteAddress]
  const heal = (engine: Engine) => Effect.asVoid(tolerant("rule", "del", ...rule(engine)))
  yield* Effect.acquireRelease(ip("netns", "add", namespace), () =>
    Effect.andThen(
      Effect.forEach(engines, heal, { discard: true }),
      Effect.andThen(tolerant("link", "del", local), tolerant("netns", "del", namespace))
    )
  )
  yield* ip("link", "add", local, "type", "veth", "peer", "name", remote, "netns", namespace)
  for (const last of [1, 2, 3, 4]) yield* ip("addr", "add", `${address(last)}/24`, "dev", local)
  yield* ip("link", "set", local, "up")
  yield* ip("-n", namespace, "addr", "add", `${remoteAddress}/24`, "dev", remote)
  yield* ip("-n", namespace, "link", "set", remote, "up")
  yield* ip("-n", namespace, "link", "set", "lo", "up")
  return {
    namespace,
    remoteAddress,
    localAddress: address(1),
    addressOf,
    partition: (engine) => Effect.asVoid(ip("rule", "add", ...rule(engine))),
    heal
  } satisfies Network
})

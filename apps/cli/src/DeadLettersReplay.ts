import { Broker } from "@user-service/broker/Broker"
import { replayOf } from "@user-service/broker/DeadMessage"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as RabbitMqUrl from "@user-service/broker/RabbitMqUrl"
import { userService } from "@user-service/broker/Topology"
import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import * as Environment from "@user-service/runtime/Environment"
import { Array, Console, Effect, Layer, Option, References, Schema } from "effect"
import { formatCount, find, layer as deadLetters, type Selection } from "./DeadLetters.ts"

/** Selection dead letters were not replayed: the broker did not confirm them, or they are stored without their whole body. */
export class NotReplayed extends Schema.TaggedError<NotReplayed>()("NotReplayed", {
  replayed: Schema.Int,
  left: Schema.Int
}) {
  override get message() {
    return `${formatCount(this.replayed)} replayed, ${this.left} not: those stay, and can be replayed again or discarded`
  }
}

// A body has at most 16 MiB.
const chunkSize = 10

const broker = Layer.unwrap(
  Effect.gen(function* () {
    const { url } = yield* Environment.read({ url: RabbitMqUrl.config })
    if (Option.isNone(url)) {
      return yield* new Environment.SettingsInvalid({ problems: ["RABBITMQ_URL: required, to publish to"] })
    }
    return Broker.layerRabbitMq({ topology: userService }).pipe(
      Layer.provide(RabbitMq.layer({ url: url.value })),
      // The command reports an outage itself.
      Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error"))
    )
  })
)

/** The dead letters of the configured database, and the configured broker. */
export const layer = Layer.merge(broker, deadLetters)

/** Replays at least once: a dead letter that could not be removed is replayed again by the next run. Consumers are idempotent. */
export const run = Effect.fnUntraced(function* (selection: Selection) {
  const found = yield* find(selection)
  const letters = yield* DeadLetters
  const { publishAll } = yield* Broker
  const whole = found.filter(({ isCut }) => !isCut)
  let replayed = 0
  let removed = 0
  for (const chunk of Array.chunksOf(whole, chunkSize)) {
    const contents = yield* letters.contents(chunk.map(({ id }) => id))
    const outcomes = yield* publishAll(contents.map(replayOf))
    const confirmed = contents.filter((_, index) => outcomes[index] === "confirmed")
    yield* letters.remove(confirmed.map(({ id }) => id))
    replayed += confirmed.length
    removed += chunk.length - contents.length
  }
  const left = found.length - removed - replayed
  if (left > 0) return yield* new NotReplayed({ replayed, left })
  yield* Console.log(`${formatCount(replayed)} replayed`)
})

import { Broker } from "@user-service/broker/Broker"
import type { Headers, OutgoingMessage } from "@user-service/broker/Message"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as RabbitMqUrl from "@user-service/broker/RabbitMqUrl"
import { userService } from "@user-service/broker/Topology"
import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import type { DeadContent } from "@user-service/core/dead-letters/DeadLettersRepo"
import * as Environment from "@user-service/runtime/Environment"
import { Array, Console, Effect, Layer, Option, Record, References, Schema } from "effect"
import { counted, findSome, layer as deadLetters, type Some } from "./DeadLetters.ts"

/** Some were not confirmed, or are not whole. */
export class NotReplayed extends Schema.TaggedError<NotReplayed>()("NotReplayed", {
  replayed: Schema.Int,
  left: Schema.Int
}) {
  override get message() {
    return `${counted(this.replayed)} replayed, ${this.left} not: those stay, and can be replayed again or discarded`
  }
}

// Of sixteen megabytes each at most.
const atOnce = 10

const broker = Layer.unwrap(
  Effect.gen(function* () {
    const { url } = yield* Environment.read({ url: RabbitMqUrl.config })
    if (Option.isNone(url)) {
      return yield* new Environment.SettingsInvalid({ problems: ["RABBITMQ_URL: required, to publish to"] })
    }
    return Broker.layerRabbitMq({ topology: userService }).pipe(
      Layer.provide(RabbitMq.layer({ url: url.value })),
      // An outage is told by the command itself.
      Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error"))
    )
  })
)

/** The dead letters of the database and the broker that the environment names. */
export const layer = Layer.merge(broker, deadLetters)

// What says that it is dead: it is none any more.
const isOfDeath = (name: string): boolean => /^x-(reason|death|first-death-.*|last-death-.*)$/.test(name)

const letterOf = ({ body, contentType, headers, messageId, queue }: DeadContent): OutgoingMessage => ({
  // The exchange that knows each queue by its name: nobody else who was told hears it again.
  exchange: "",
  routingKey: queue,
  body,
  headers: Record.filter(headers, (_, name) => !isOfDeath(name)) satisfies Headers,
  persistent: true,
  mandatory: true,
  ...(contentType === null ? {} : { contentType }),
  ...(messageId === null ? {} : { messageId })
})

/** At least once: one whose removal fails is replayed again the next time, which changes nothing. */
export const run = Effect.fnUntraced(function* (named: Some) {
  const found = yield* findSome(named)
  const letters = yield* DeadLetters
  const { publishAll } = yield* Broker
  const whole = found.filter(({ isCut }) => !isCut)
  let replayed = 0
  let gone = 0
  for (const part of Array.chunksOf(whole, atOnce)) {
    const contents = yield* letters.contents(part.map(({ id }) => id))
    const outcomes = yield* publishAll(contents.map(letterOf))
    const confirmed = contents.filter((_, index) => outcomes[index] === "confirmed")
    yield* letters.remove(confirmed.map(({ id }) => id))
    replayed += confirmed.length
    gone += part.length - contents.length
  }
  const left = found.length - gone - replayed
  if (left > 0) return yield* new NotReplayed({ replayed, left })
  yield* Console.log(`${counted(replayed)} replayed`)
})

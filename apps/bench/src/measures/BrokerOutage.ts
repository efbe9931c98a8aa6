import * as RabbitMqServer from "@user-service/broker/testing/RabbitMqServer"
import { Effect } from "effect"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import { failures, type Figure } from "../Figure.ts"
import { closedLoop } from "../load/Load.ts"
import * as Worker from "../Worker.ts"
import { putPreferences, writers } from "./Writes.ts"

/** The rate of writes while RabbitMQ is down, divided by the rate while it is up and no event waits. */
export const brokerOutage = Effect.gen(function* () {
  const { rounds, seconds, service, users } = yield* Bench
  const rabbitmq = yield* RabbitMqServer.make
  yield* rabbitmq.start
  const { database } = yield* Worker.startOn(rabbitmq.url)
  let failed = 0
  const rate = Effect.promise(async () => {
    const clients = writers(users, (user) => user.access, putPreferences)
    const measured = await closedLoop({ url: service.url, seconds, clients })
    failed += measured.failed
    return measured.perSecond
  })
  const down = Effect.andThen(rabbitmq.kill, rate)
  const up = Effect.andThen(
    rabbitmq.start,
    Effect.andThen(
      Effect.promise(() => Worker.waitForRow(database, Worker.outboxEmpty)),
      rate
    )
  )
  const compared = yield* compare(rounds, down, up)
  return [
    {
      id: "outage",
      measure: "preferences PUT while RabbitMQ is down, over the same while it is up",
      unit: "a second",
      goal: { must: 0.8, aim: 0.95, better: "higher" },
      ...compared
    },
    failures("outage", "writes failed by then", failed)
  ] satisfies ReadonlyArray<Figure>
}).pipe(Effect.scoped)

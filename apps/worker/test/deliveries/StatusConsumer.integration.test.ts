import { describe } from "@effect/vitest"
import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as TestRabbitMq from "@user-service/broker/testing/TestRabbitMq"
import { userService } from "@user-service/broker/Topology"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect, Layer, Redacted } from "effect"
import { inject } from "vitest"
import { suite } from "./StatusConsumerSuite.ts"

const databaseUrl = inject("databaseUrl")
const rabbitmqUrl = inject("rabbitmqUrl")

const broker = Layer.unwrap(
  Effect.map(TestRabbitMq.freshVirtualHost(rabbitmqUrl), (url) =>
    Broker.layerRabbitMq({ topology: userService }).pipe(Layer.provide(RabbitMq.layer({ url: Redacted.make(url) })))
  )
)

describe.skipIf(databaseUrl === "" || rabbitmqUrl === "")("with PostgreSQL and RabbitMQ", () => {
  suite("the status consumer", TestDatabase.layerPostgres(databaseUrl), broker, 3)
})

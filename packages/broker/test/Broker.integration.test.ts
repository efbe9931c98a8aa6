import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { suite } from "@user-service/broker/testing/BrokerSuite"
import * as TestRabbitMq from "@user-service/broker/testing/TestRabbitMq"
import { Effect, Layer, Redacted } from "effect"
import { describe } from "vitest"
import { rabbitmqUrl } from "./engine.ts"

const shared = Layer.unwrap(
  Effect.map(TestRabbitMq.freshVirtualHost(rabbitmqUrl), (url) => RabbitMq.layer({ url: Redacted.make(url) }))
)

describe.skipIf(rabbitmqUrl === "")("over RabbitMQ", () => {
  suite("Broker.layerRabbitMq", shared, (topology) => Broker.layerRabbitMq({ topology }))
})

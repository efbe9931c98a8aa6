import { describe } from "@effect/vitest"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { inject } from "vitest"
import { layerRabbitMq } from "../deliveries/TestBroker.ts"
import { suite } from "./ReplayLoopSuite.ts"

const databaseUrl = inject("databaseUrl")
const rabbitmqUrl = inject("rabbitmqUrl")

describe.skipIf(databaseUrl === "" || rabbitmqUrl === "")("with PostgreSQL and RabbitMQ", () => {
  suite("replays of dead letters", TestDatabase.layerPostgres(databaseUrl), layerRabbitMq(rabbitmqUrl), 3)
})

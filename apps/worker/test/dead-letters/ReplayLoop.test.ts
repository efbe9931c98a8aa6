import { Broker } from "@user-service/broker/Broker"
import { userService } from "@user-service/broker/Topology"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { suite } from "./ReplayLoopSuite.ts"

suite(
  "replays of dead letters on PGlite and the broker in the process",
  TestDatabase.layerPgLite,
  Broker.layerMemory({ topology: userService }),
  1
)

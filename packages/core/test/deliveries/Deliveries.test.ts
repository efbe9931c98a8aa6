import { Quotas } from "@user-service/cache/Quotas"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import * as DeliveriesSuite from "./DeliveriesSuite.ts"
import * as ExplanationsSuite from "./ExplanationsSuite.ts"
import * as StatusesSuite from "./StatusesSuite.ts"
import { layerOver } from "./TestDeliveries.ts"

const layer = layerOver(TestDatabase.layerPgLite, Quotas.layerMemory)

ExplanationsSuite.suite("explanations over PGlite", layer)
DeliveriesSuite.suite("deliveries over PGlite, counted in the process", layer)
StatusesSuite.suite("statuses over PGlite", layer)

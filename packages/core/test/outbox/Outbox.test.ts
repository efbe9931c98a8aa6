import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { suite } from "./OutboxSuite.ts"

suite("Outbox on PGlite", TestDatabase.layerPgLite)

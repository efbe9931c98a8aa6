import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { suite } from "./RelaySuite.ts"

suite("the relay on PGlite", TestDatabase.layerPgLite, 1)

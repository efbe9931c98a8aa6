import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { suite } from "./DeadLettersSuite.ts"

suite("dead letters on PGlite", TestDatabase.layerPgLite)

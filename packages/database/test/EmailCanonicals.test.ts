import { suite } from "@user-service/database/testing/EmailCanonicalsSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"

suite("the canonical addresses on PGlite", TestDatabase.layerPgLite)

import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { suite } from "./UserSearchSuite.ts"

suite("on PGlite", TestDatabase.layerPgLite)

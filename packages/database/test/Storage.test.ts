import { suite } from "@user-service/database/testing/StorageSuite"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"

suite("Storage over PGlite", TestDatabase.layerPgLite)

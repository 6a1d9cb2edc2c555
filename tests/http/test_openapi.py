"""The OpenAPI document itself."""

import jsonschema


def walk(node, path=()):
    yield path, node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from walk(value, (*path, key))


def test_it_is_openapi_3_1(api):
    document = api.document.document
    assert document["openapi"].startswith("3.1.")
    assert document["jsonSchemaDialect"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_schema_is_one(api):
    for name, schema in api.document.document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object", name


def test_nothing_of_3_0_is_left(api):
    """A field may be called nullable; a keyword of that name would be true or false."""
    assert not [path for path, node in walk(api.document.document) if path and path[-1] == "nullable" and isinstance(node, bool)]


def test_every_reference_leads_somewhere_and_every_component_is_used(api):
    document = api.document.document
    used = set()
    for _, node in walk(document):
        if isinstance(node, dict) and "$ref" in node:
            api.document.resolve(node)
            used.add(tuple(node["$ref"].removeprefix("#/components/").split("/")))
    held = {(section, name) for section, items in document["components"].items() for name in items}
    assert held == used


def test_every_operation_has_a_name_of_its_own(api):
    ids = [item["get"]["operationId"] for item in api.document.document["paths"].values()]
    assert len(set(ids)) == len(ids)


def test_no_path_has_a_parameter_twice(api):
    for path, item in api.document.document["paths"].items():
        parameters = [api.document.resolve(parameter) for parameter in item["get"]["parameters"]]
        names = [(parameter["in"], parameter["name"]) for parameter in parameters]
        assert len(set(names)) == len(names), path
        assert ("{id}" in path) == (("path", "id") in names)


def test_every_property_and_parameter_says_what_it_is(api):
    components = api.document.document["components"]
    for name, parameter in components["parameters"].items():
        assert parameter["description"].endswith("."), name
    for name, schema in components["schemas"].items():
        for field, value in schema["properties"].items():
            if field in ("id", "name") and name.endswith("Ref") or name.endswith(("List", "Item")):
                continue
            assert value.get("description") or field in ("status", "iso3", "kind", "resources"), f"{name}.{field}"


VALUES = {"string": "x1", "integer": "1", "number": "1.5", "boolean": "true"}


def example(parameter):
    """A value that the document says the parameter takes."""
    if "example" in parameter:
        return parameter["example"]
    schema = parameter["schema"]
    schema = schema["items"] if schema["type"] == "array" else schema
    if "default" in schema:
        return str(schema["default"])
    if "enum" in schema:
        return str(schema["enum"][0])
    return VALUES[schema["type"]]


def test_every_documented_parameter_is_taken(api):
    """With a value of the documented kind, a request is answered, or refused for that value alone and not the name."""
    for path, item in api.document.document["paths"].items():
        if "{" in path:
            continue
        # What a list takes in one flat form it takes in the others; those are read by the same lines.
        csv = api.document.document["paths"].get(path.rpartition(".")[0] + ".csv", item) if not path.endswith(".csv") else item
        same = [] if csv is item else csv["get"]["parameters"]
        for parameter in map(api.document.resolve, (one for one in item["get"].get("parameters", []) if one not in same)):
            if parameter["name"] == "cursor":
                continue
            name = parameter["name"]
            value = example(parameter)
            # One row is enough, where there are rows.
            names = [api.document.resolve(other)["name"] for other in item["get"]["parameters"]]
            page = "limit=1&" if "limit" in names and name != "limit" else ""
            page += "".join(f"{key}={one}&" for key, one in api.document.needed(path, name).items())
            answer = api.raw(f"{path}?{page}{name}={value.replace('+', '%2B')}")
            if answer.status == 200:
                continue
            problem = answer.json
            assert (answer.status, problem["code"]) == (400, "invalid_parameter"), f"{path} {name}: {problem}"
            # Some filters leave only sums that tell no years.
            if path.startswith("/v1/series") and "broken down like that" in problem["detail"]:
                continue
            # Dates and names: "x1" is none.
            assert parameter["schema"]["type"] in ("string", "array") and value == "x1", f"{path} {name}={value}: {problem}"


def test_what_is_not_documented_is_not_taken(api):
    """Every field with every operator either is in the document or is refused."""
    operators = ["", *("__" + name for name in "not gt gte lt lte in notin contains startswith isnull".split())]
    for path, item in api.document.document["paths"].items():
        if "{id}" in path or not path.removeprefix("/v1/") or not path.startswith("/v1/"):
            continue
        names = {api.document.resolve(parameter)["name"] for parameter in item["get"]["parameters"]}
        data = api.document.schemas[path].get("properties", {}).get("data", {})
        if "items" not in data:
            continue  # one object: its rows have no names that a filter could bear
        row = data["items"]["properties"]
        for field in row:
            for operator in operators:
                if field + operator not in names:
                    answer = api.raw(f"{path}?{field}{operator}=1")
                    assert answer.status == 400, f"{path} takes {field}{operator} and does not say so"

"""The facts read from one file, whichever parser reads it."""

import json

import msgspec
import pytest

from checks.configuration import read_file
from checks.configuration.file_facts import (
    Backend,
    FileFacts,
    ModuleCall,
    Problem,
    Provider,
    Reference,
    RemoteState,
    Section,
    Variable,
)
from checks.configuration.hcl_strict import read_hcl_strict
from checks.configuration.hcl_tolerant import read_hcl_tolerant
from checks.configuration.inspect_file import inspect_document

NETWORK = """\
terraform {
  required_version = ">= 1.5, < 2"
  required_providers {
    aws    = { source = "hashicorp/aws", version = "~> 5.0" }
    random = "3.6.0" # the old form
  }
  backend "s3" {
    bucket = "acme-state"
    key    = "network.tfstate"
    region = var.region
    assume_role = {
      role_arn = "arn:aws:iam::1:role/x"
    }
  }
}

module "vpc" {
  source = "../modules/vpc"
}

module "remote" {
  source  = "terraform-aws-modules/eks/aws"
  version = "20.0.0"
}

variable "password" {
  type      = string
  sensitive = true
}

variable "size" { default = 3 }

data "terraform_remote_state" "dns" {
  backend = "s3"
  config = {
    bucket = "acme-state"
    key    = "dns.tfstate"
    region = var.region
  }
}

resource "aws_route" "a" {
  for_each = toset(["a"])
}

output "id" { value = 1 }
"""

FACTS = FileFacts(
    required_version=(">= 1.5, < 2",),
    required_providers=(
        Provider(name="aws", source="hashicorp/aws", version="~> 5.0", line=4),
        Provider(name="random", source=None, version="3.6.0", line=5),
    ),
    backend=Backend(
        type="s3",
        values={
            "bucket": "acme-state",
            "key": "network.tfstate",
            "assume_role": {"role_arn": "arn:aws:iam::1:role/x"},
        },
        line=7,
    ),
    variables=(
        Variable(name="password", sensitive=True, has_default=False, line=26),
        Variable(name="size", sensitive=False, has_default=True, line=31),
    ),
    calls=(
        ModuleCall(name="vpc", source="../modules/vpc", start_line=17, end_line=19),
        ModuleCall(name="remote", source="terraform-aws-modules/eks/aws", start_line=21, end_line=24),
    ),
    remote_states=(
        RemoteState(name="dns", backend="s3", values={"bucket": "acme-state", "key": "dns.tfstate"}, line=33),
    ),
    sections=(
        Section(address="module.vpc", start_line=17, end_line=19),
        Section(address="module.remote", start_line=21, end_line=24),
        Section(address="data.terraform_remote_state.dns", start_line=33, end_line=40),
        Section(address="aws_route.a", start_line=42, end_line=44),
        Section(address="output.id", start_line=46, end_line=46),
    ),
)


def test_a_file_gives_its_facts_with_their_lines() -> None:
    assert read_file("network/main.tf", NETWORK.encode()) == FACTS


def test_both_grammars_give_the_same_facts() -> None:
    assert inspect_document(read_hcl_strict(NETWORK), ()) == FACTS
    assert inspect_document(read_hcl_tolerant(NETWORK.encode()), ()) == FACTS


def test_tofu_files_are_read_as_hcl() -> None:
    assert read_file("main.tofu", NETWORK.encode()) == FACTS


def test_json_gives_the_same_facts_with_its_own_lines() -> None:
    content = """\
{
  "terraform": {
    "required_version": ">= 1.5",
    "required_providers": {"aws": {"source": "hashicorp/aws", "version": "~> 5.0"}},
    "backend": {"s3": {"bucket": "b", "key": "${var.x}"}}
  },
  "//": "a comment",
  "module": {
    "vpc": {"source": "./vpc"}
  },
  "variable": {"password": {"sensitive": true}},
  "resource": {
    "aws_route": {
      "a": [{"count": 1}],
      "b": {
        "user_data": "${file(\\"boot.sh\\")}"
      }
    }
  },
  "data": {"terraform_remote_state": {"dns": {"backend": "s3", "config": {"bucket": "b", "key": "dns"}}}}
}
"""
    assert read_file("main.tf.json", content.encode()) == FileFacts(
        required_version=(">= 1.5",),
        required_providers=(Provider(name="aws", source="hashicorp/aws", version="~> 5.0", line=4),),
        backend=Backend(type="s3", values={"bucket": "b"}, line=5),
        variables=(Variable(name="password", sensitive=True, has_default=False, line=11),),
        calls=(ModuleCall(name="vpc", source="./vpc", start_line=9, end_line=9),),
        remote_states=(RemoteState(name="dns", backend="s3", values={"bucket": "b", "key": "dns"}, line=20),),
        sections=(
            Section(address="module.vpc", start_line=9, end_line=9),
            Section(address="aws_route.a", start_line=14, end_line=14),
            Section(address="aws_route.b", start_line=15, end_line=17),
            Section(address="data.terraform_remote_state.dns", start_line=20, end_line=20),
        ),
        references=(Reference(path="boot.sh", from_root=True, prefix=False),),
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ufeff" + NETWORK, id="byte order mark"),
        pytest.param(NETWORK.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(NETWORK.replace('module "vpc"', "module /* the net */ vpc"), id="comment before a label"),
        pytest.param(NETWORK.replace("for_each = toset", "for_each = /* all */ toset"), id="comment before a value"),
        pytest.param(NETWORK.replace('toset(["a"])', 'toset(["${~ "a" ~}"])'), id="strip markers"),
    ],
)
def test_a_file_that_terraform_accepts_is_read_even_if_python_hcl2_refuses_it(text: str) -> None:
    assert read_file("main.tf", text.encode()) == FACTS


def test_a_file_that_terraform_would_refuse_is_a_problem_at_its_line_and_the_rest_is_read() -> None:
    facts = read_file("main.tf", b'module "vpc" {\n  source = "./vpc"\n}\n\nresource "a" "b" {\n  x = = 1\n}\n')

    assert facts.problem == Problem(line=6, message="not valid HCL from this line on")
    assert [call.source for call in facts.calls] == ["./vpc"]


def test_an_error_spoils_one_block_and_not_those_after_it() -> None:
    broken = 'locals {\n  names {\n    a.b = "x"\n  }\n}\n\nresource "aws_route" "broken" {\n  a = [\n}\n'
    lines = broken.count("\n")

    facts = read_file("main.tf", (broken + NETWORK).encode())

    assert facts.problem == Problem(line=3, message="not valid HCL from this line on")
    assert facts.backend is not None
    assert (facts.backend.values, facts.backend.line) == (FACTS.backend and FACTS.backend.values, 7 + lines)
    assert [(call.source, call.start_line - lines) for call in facts.calls] == [
        (call.source, call.start_line) for call in FACTS.calls
    ]
    assert [section.address for section in facts.sections] == [
        "aws_route.broken",
        *(section.address for section in FACTS.sections),
    ]


@pytest.mark.parametrize("label", ['""', '"${path.module}/password"', '"%{ if true }a%{ endif }"'])
def test_a_label_that_terraform_would_refuse_is_a_problem_at_its_line(label: str) -> None:
    facts = read_file("main.tf", f"locals {{}}\n\nvariable {label} {{\n  type = string\n}}\n".encode())

    assert facts.problem == Problem(line=3, message="a label must neither be empty nor contain a template")


def test_a_label_with_an_escaped_template_is_text() -> None:
    assert read_file("main.tf", b'resource "a" "$${b}" {}\n').problem is None


@pytest.mark.parametrize("between", ["\n", " /* here */ ", " # here\n"])
def test_a_comment_between_a_label_and_its_block_is_no_label(between: str) -> None:
    text = f'output "id"{between}{{\n  value = 1\n}}\n'

    assert [block.labels for block in read_hcl_strict(text).blocks] == [("id",)]
    assert [block.labels for block in read_hcl_tolerant(text.encode()).blocks] == [("id",)]


def test_json_in_a_file_for_hcl_is_a_problem() -> None:
    assert read_file("main.tf", b'\n{"a": 1}').problem == Problem(
        line=2, message="a block or an attribute is expected here"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"a": 1,}', Problem(line=1, message='not valid JSON: " is expected here')),
        (b'{\n"a": [1\n', Problem(line=3, message="not valid JSON: it ends too early")),
        (b"[1] 2", Problem(line=1, message="not valid JSON: there is more text after the value")),
        (b"\n3", Problem(line=2, message="not valid JSON: it has to be an object")),
        (b'{"a": nope}', Problem(line=1, message="not valid JSON: a value is expected here")),
        (b'{"a": "\xff"}', Problem(line=1, message="not valid UTF-8")),
        (b'{"a": ' * 300, Problem(line=1, message="not valid JSON: nested too deeply")),
    ],
)
def test_json_that_terraform_would_refuse_is_a_problem_at_its_line(content: bytes, problem: Problem) -> None:
    assert read_file("main.tf.json", content).problem == problem


def test_bytes_that_are_no_text_are_a_problem_at_their_line() -> None:
    facts = read_file("main.tf", b'variable "a" {}\n# \xff\n')

    assert facts.problem == Problem(line=2, message="not valid UTF-8")
    assert [variable.name for variable in facts.variables] == ["a"]


def test_a_variable_whose_sensitivity_is_an_expression_counts_as_sensitive() -> None:
    facts = read_file("main.tf", b'variable "a" {\n  sensitive = local.x\n}\nvariable "b" {\n  sensitive = false\n}')

    assert [variable.sensitive for variable in facts.variables] == [True, False]


def _reference(path: str, *, from_root: bool = False, prefix: bool = False) -> Reference:
    return Reference(path=path, from_root=from_root, prefix=prefix)


OF_ROOT = _reference("", from_root=True, prefix=True)
ANYWHERE = msgspec.structs.replace(OF_ROOT, anywhere=True)


@pytest.mark.parametrize(
    ("expression", "references"),
    [
        ('file("${path.module}/x.json")', [_reference("x.json")]),
        ('file("${ path.module }/../x.json")', [_reference("../x.json")]),
        ('file("${path.root}/x.json")', [_reference("x.json", from_root=True)]),
        ('file("x.json")', [_reference("x.json", from_root=True)]),
        ('filebase64sha256("./a/x.zip")', [_reference("a/x.zip", from_root=True)]),
        ('templatefile("${path.module}/t/x.tftpl", { a = 1 })', [_reference("t/x.tftpl")]),
        ('templatefile("t/${var.x}.tftpl", {})', [_reference("t/", from_root=True, prefix=True)]),
        ('file("${path.module}/a/b-${var.x}.json")', [_reference("a/b-", prefix=True)]),
        ('fileset(path.module, "policies/*.json")', [_reference("policies/", prefix=True)]),
        ('fileset("${path.module}/p", "**/*.json")', [_reference("p/", prefix=True)]),
        ('fileset("p", "*.json")', [_reference("p", from_root=True)]),
        ('{ source_dir = "${path.module}/lambda" }', [_reference("lambda")]),
        ('{ source_dir = "./lambda" }', [_reference("lambda", from_root=True)]),
        ('join("/", [path.module, "x"])', [_reference("", prefix=True)]),
        ("file(var.path)", [_reference("", prefix=True), ANYWHERE]),
        ('file("${var.dir}/x")', [_reference("", prefix=True), ANYWHERE]),
        ('join("/", ["..", "x"])', [ANYWHERE]),
        ('join("/", [path.module, "..", "x"])', [_reference("", prefix=True), ANYWHERE]),
        (
            'file(join("/", [path.module, "x.json"]))',
            [_reference("", prefix=True), _reference("x.json", from_root=True)],
        ),
        ('file(join("/", ["p", var.x]))', [_reference("p/", from_root=True, prefix=True)]),
        ('file(join("/", var.x))', [_reference("", prefix=True), ANYWHERE]),
        ('file(format("%s/p/%s.json", path.module, var.x))', [_reference("", prefix=True)]),
        ('file(format("%s/../p/%s.json", path.module, var.x))', [_reference("", prefix=True), ANYWHERE]),
        ('file(format("p/%s.json", var.x))', [_reference("p/", from_root=True, prefix=True)]),
        ('file(format("../p/%s.json", var.x))', [_reference("../p/", from_root=True, prefix=True)]),
        ('file(format(var.pattern, "x"))', [_reference("", prefix=True), ANYWHERE]),
        ('format("%s/x", path.cwd)', [_reference("", from_root=True, prefix=True)]),
        ('"${dirname(path.module)}/x"', [_reference("", prefix=True), ANYWHERE]),
        ('"${path.module}/${var.x}/../../y"', [_reference("", prefix=True), ANYWHERE]),
        ('"${path.module}/.."', [_reference("..")]),
        ("filemd5(data.archive_file.x.output_path)", [_reference("", prefix=True), OF_ROOT]),
        ("filemd5(aws_s3_object.x.source)", [_reference("", prefix=True), OF_ROOT]),
        ('{ filename = "dist/lambda" }', [_reference("dist/lambda", from_root=True)]),
        ('[for each in ["a/one.json"] : each]', [_reference("a/one.json", from_root=True)]),
        ('file("~/.ssh/id_rsa.pub")', []),
        ('file("/etc/hosts")', []),
        ("basename(path.module)", []),
        ("basename(abspath(path.module))", []),
        ('{ source_dir = "./${var.x}" }', [_reference("", from_root=True, prefix=True)]),
        ('"../.."', [ANYWHERE]),
        ('"profile(x)"', []),
    ],
)
def test_the_paths_that_a_file_names_are_found(expression: str, references: list[Reference]) -> None:
    hcl = f"locals {{\n  a = {expression}\n}}\n"
    as_json = json.dumps({"locals": {"a": "${" + expression + "}"}})

    assert list(read_file("main.tf", hcl.encode()).references) == references
    assert list(read_file("main.tf.json", as_json.encode()).references) == references


@pytest.mark.parametrize("source", ["./modules/a", "../.."])
def test_the_source_of_a_module_is_no_path_that_is_read(source: str) -> None:
    assert read_file("main.tf", f'module "a" {{\n  source = "{source}"\n}}\n'.encode()).references == ()


def test_paths_inside_a_heredoc_script_are_not_references() -> None:
    assert read_file("main.tf", b"locals {\n  a = <<-X\n  cd /opt/app/../lib\n  X\n}\n").references == ()


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ('locals {\n  p = "x"\n  a = file(local.p)\n}\n', [_reference("", prefix=True), OF_ROOT]),
        ("locals {\n  p = var.x\n  a = file(local.p)\n}\n", [_reference("", prefix=True), ANYWHERE]),
        ('locals {\n  p = "${var.x}/y"\n  a = file(local.p)\n}\n', [_reference("", prefix=True), ANYWHERE]),
    ],
)
def test_a_local_stands_for_the_text_that_the_same_file_gives_it(text: str, references: list[Reference]) -> None:
    assert list(read_file("main.tf", text.encode()).references) == references


def test_a_check_block_has_the_same_address_in_hcl_and_in_json() -> None:
    in_hcl = read_file("main.tf", b'check "up" {\n}\n')
    in_json = read_file("main.tf.json", b'{"check": {"up": {}}}')
    assert [each.address for each in in_hcl.sections] == [each.address for each in in_json.sections] == ["check.up"]

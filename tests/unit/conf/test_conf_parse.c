/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of `digests` and `refusals` hold what nats-server 2.14.5 says of these texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "protocols/conf/conf_json.h"
#include "protocols/conf/conf_utf8.h"
#include "tests/unit/conf/memory_source.h"

static const struct memory_entry files[] = {
    {"inc.conf", "ia: 1\n"},
    {"bad.conf", "x: 1\ny: [\n"},
    {"sub/deep.conf", "include \"../inc.conf\"\nz: 1"},
    {"loop.conf", "include loop.conf\n"},
    {"/etc/x/main.conf", "include ../y/./more.conf"},
    {"/etc/y/more.conf", "include /z.conf"},
    {"/etc/y/z.conf", "z: 1"},
    {NULL, NULL},
};

static const struct memory_entry variables[] = {
    {"ENV_INT", "64k"},        {"ENV_MAP", "{a: [1,2 ]}"}, {"ENV_TWO", "$ENV_INT"},
    {"ENV_LOOP", "$ENV_LOOP"}, {"ENV_BAD", "[1"},          {NULL, NULL},
};

static int parse(struct bytes text, struct conf_tree **ret_tree, struct conf_error *error)
{
    struct memory_source memory = {files, variables};
    struct conf_source source = memory_conf_source(&memory);
    return conf_parse_text(text, "t.conf", &source, ret_tree, error);
}

static struct conf_tree *parse_or_fail(const char *text)
{
    struct conf_tree *tree = NULL;
    struct conf_error error;
    if (parse(bytes_of(text), &tree, &error) < 0)
        fail_msg("%s", error.text);
    return tree;
}

struct row {
    const char *text;
    const char *want;
};

/* clang-format off */
static const struct row digests[] = {
    {"a=1", "e346432021b04179518d9614f3560ccd71354a4ee101ddcb893d6959a9d6301c"},
    {"a: 1", "e346432021b04179518d9614f3560ccd71354a4ee101ddcb893d6959a9d6301c"},
    {"a 1", "e346432021b04179518d9614f3560ccd71354a4ee101ddcb893d6959a9d6301c"},
    {"{ \"a\": 1 }", "e346432021b04179518d9614f3560ccd71354a4ee101ddcb893d6959a9d6301c"},
    {"{\"a\":1,\"b\":2}\n", "e8d38819d39f705646bfb643368eca78f7db476c16471dbc33b941b27326410d"},
    {"a=1\nb=2", "e8d38819d39f705646bfb643368eca78f7db476c16471dbc33b941b27326410d"},
    {"a=1;b=2", "e8d38819d39f705646bfb643368eca78f7db476c16471dbc33b941b27326410d"},
    {"a=1,b=2", "e8d38819d39f705646bfb643368eca78f7db476c16471dbc33b941b27326410d"},
    {"# c\na=1 # d\n// e\nb=2 // f\n", "e8d38819d39f705646bfb643368eca78f7db476c16471dbc33b941b27326410d"},
    {"a='x y'", "f9ff6db57600f9df8b2037b4a2a9d3e90465a6d68baffbbb8d1b68114318e151"},
    {"a=\"x y\"", "f9ff6db57600f9df8b2037b4a2a9d3e90465a6d68baffbbb8d1b68114318e151"},
    {"a=\"q\\\"t\\tn\\nr\\\\h\\x41\"", "a630e9e8617561bb98acb1ad8a80247886e9cf48419a2f2e07715ee22a0ae4ce"},
    {"a='x\\n'", "ef5bbaee6ab96754bc8d0554bc00592ff22a79612857de59b20f8286c05d442e"},
    {"a=bare/word.>:*$x", "d172a0dc81f9b647b71289a8bd79b81a9a652cf50a377bac482b450277641252"},
    {"a=on\nb=Off\nc=YES\nd=no\ne=TRUE\nf=false\ng=\"true\"", "cee2a15118a5755513e812938aa7ef1a54a2ebbcb6f45715c29b941dda176e74"},
    {"a=1k\nb=1kb\nc=1KiB\nd=1ki\ne=1M\nf=1MB\ng=2g\nh=2GiB\ni=1t\nj=1TB\nk=1p\nl=1pib\nm=1e\nn=1EB\no=-5k", "0c5be19025bcd0ae680ee04c0f5e57a96f611734ef1c8a47e045798febb379ba"},
    {"a=300ms", "0ff7fbaa6123463b48a3edc960970f95b2a3fe3173ace8e5bf1893cc80aa440a"},
    {"a=1kbb\nb=2", "651b5768de252a9f4d2083046d83f81c31369beb73d14411492b20ea8fd1fcf5"},
    {"a=1.5\nb=-1.25\nc=10.0\nd=0.0000001\ne=123456789012345678901234.5\nf=100000000000000000000.0\ng=-0.0", "f0af5997ba36e45413abf90cb2b4ed9ce1b04ba96d991a01f271570d33a5f97c"},
    {"a=2016-05-04T18:53:41Z", "35c69f13287ace7f4a11707d4059d178c3d12b890aed9a65979e7ecade5398b1"},
    {"a=[1,\n2\n 3 ]", "434bc20c6f80cfde1fd6c8d474e2db1a9a86ff918dad326c53cb02a4f399e00b"},
    {"a=['x','y',]", "502a865675159ab180644474837adfdeed20f45462839e8c6dca7418a84c1ab5"},
    {"a=[\n{b=1}\n{b=2}\n]", "a6146c0cae40e6236338e8df0d1ab8857f0e261884d8a3ef9ede65ba7194dda2"},
    {"a=[ # c\n 1 // d\n ]", "af66e39a425017cd0ac450336908f445bbe0b84ff06991b9310eec01f6b485b5"},
    {"a {b: 1, c {d: 2}}", "c331cfa6b983265f3a920447e1862d3f9f3d4887e0442019d0ec39bc3662cf8d"},
    {"a = {b=1;c=2\nd=3}", "74da5f91a168cb0480e77c41d6f00a4d71704af3043ab0baeb644cf4272efea4"},
    {"a={}\nb=[]", "83509e8f9754a0e7f618bbcd4f9b0c1acfd95e939062104db51a5d407542cb23"},
    {"a (\nline 1\n  line ) 2\n)\n", "a7979e88ad89d9f31091cda593b96c8b1a058d50340917fa841ae71dc1ef4297"},
    {"a (\nx\n)", "b98932a142963616689ac4c70b9bd13a456d97c5679cd50abe231742c20f9022"},
    {"a=(x)\n)\nb=1\n", "2d419a9974b71ff642df7acf9fa61d82886264ab362cda627d509b1d00fede6c"},
    {"v=7\na=$v", "a53817bbfd5ca224e1bd7144728b0cbf6932257bdf6ce19d716cea85c3741e8d"},
    {"a { v=7\n b { c=$v } }", "e324d70b96c78b6e9098389e6d0e3c9fb0190f28bd20e886d2e407f36f68ef81"},
    {"v={x:1}\na=[$v, $v]", "61533534856ab30542f884a488628a85cf382ad824ad349c8447474f4829c0dc"},
    {"a=$ENV_INT", "aebe6a0d74bf13cb25f9fbbce27f3188c72dbb38a36a0a26ac5394eef019bae9"},
    {"a=$ENV_MAP", "59dca7fc157af1a3bc04103e9233142d57b6df4a460a9961e8b64c63e30b0d36"},
    {"a=$ENV_TWO", "aebe6a0d74bf13cb25f9fbbce27f3188c72dbb38a36a0a26ac5394eef019bae9"},
    {"a=$2a$11$abcdefg", "5f2ce944de70b5a59c8cbdb8a994e040c860f85bfe923291eb37eb621911773e"},
    {"include \"inc.conf\"\nb=$ia", "5be36a93194b99c0621af799b8485f4a9397ce11668fdd509c6c933eb37a51f5"},
    {"x { include inc.conf }", "8eaf72aa1f7e98f9fcb5775382ccb4d640a056fc1d25d030f2181b1e7605ec21"},
    {"include \"sub/deep.conf\"", "4b18901a9169ba2012253e88574173cf116cba2a676ae7d9483f4428344001e6"},
    {"include 'inc.conf'; b=1", "5be36a93194b99c0621af799b8485f4a9397ce11668fdd509c6c933eb37a51f5"},
    {"INCLUDE inc.conf", "c55edd5ec9ab9157f4af8d131d820be0c8ac998008eb3da9e8b72426b79cc3b5"},
    {"include: 3", "0aaa98a3864b3cfd93589fac64e4db4339ef5cc30f19e609d18f8588f236a1ad"},
    {"\"include\" x", "15481bde4f82ac730131d080f97a6f9363136e0c54b990153df0977160eab0c0"},
    {"a=1\na=2", "0f117a2ab60ad469a0ac81c31e1a5a9bc833e7792983400278ea770db93d0aae"},
    {"A=1\na=2", "edde519b12af8093fe7794ce45b239f4b8725685f127020f4abd7a7fa27df19b"},
    {"foo = ", "883379fe249bab024dc3cc820ee0d5f533e0e8019e004bb2ecf4a5b53ccf8a0f"},
    {"}", "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"},
    {"a=1 }", "e346432021b04179518d9614f3560ccd71354a4ee101ddcb893d6959a9d6301c"},
    {"a=1 } b=2", "e8d38819d39f705646bfb643368eca78f7db476c16471dbc33b941b27326410d"},
    {"{a=1\n}\n{b=2}", "e8d38819d39f705646bfb643368eca78f7db476c16471dbc33b941b27326410d"},
    {"{ {a=1} }", "e346432021b04179518d9614f3560ccd71354a4ee101ddcb893d6959a9d6301c"},
    {"{a=1\n", "e346432021b04179518d9614f3560ccd71354a4ee101ddcb893d6959a9d6301c"},
    {"{", "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"},
    {"a=[\"", "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"},
    {"\"", "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"},
    {"a={b: }", "341fd207d0829ae4e6510b1447bc7996627ee7cf84d2a71fccc6e0839c1645b1"},
    {"x: {a: }\ny=2", "d2d400221e7cf1fa27fd47e0aa556f67b5fd7c717b8d758c75e3237b17cc5f6b"},
    {"a={/b=1}", "b5a4dad8d0f71819e7233faf503553702ab239ad066fce438c41b5e51f6358a3"},
    {"a=2016-02-29T23:59:59Z", "f848a42b1519429cb882c34c81846f26c218b8d624b16b35c0380e84ab501447"},
    {"a=9223372036854775807", "35e3a17e416ab51ac55ec67c110a3386abd57da26bb96b0b161f9e420a34446c"},
    {"a=-9223372036854775808", "152edc8e5df0a291d223d39bc629555633e08741163d4a43eadc06a5f457ba88"},
    {"a=1 /\nb=2", "e8d38819d39f705646bfb643368eca78f7db476c16471dbc33b941b27326410d"},
    {"a=\"<&>\\x01\\x08\\x7f\303\251\342\200\250\377\"", "423d265c0f7a4995784dc97af661e9806a2ebe354e26cba7f06646326309297e"},
    {"a=x#y\nb=x//y", "1189b44c3d0ec5ec1eff8b1e77bfe7087028df12eb84f691ceefa5febe39bc4b"},
    {"a\302\240=\302\2401", "1994d461680f808e2d0fea47073cae6ea0641c47dd6d33b657f8b4633f5e54ae"},
    {"\377=1", "24a5a7bbf9c120f0086c1ba0d25a96ac8865b3e4ecb322675ef78bb050c76c2a"},
    {"a\r\n=1\r\nb=2\r\n", "e8d38819d39f705646bfb643368eca78f7db476c16471dbc33b941b27326410d"},
    {"a=x,b=y", "e89fd3be7d67e18760c8823fc0ae192c3faef889e92774d34d3b38b9401cb9b4"},
    {"# only", "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"},
    {"", "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"},
};

static const struct row refusals[] = {
    {"a=true b",
     "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, but got 'b' instead.'"},
    {"a=127.0.0.1\nb=127.0.0.1:4222\nc=127.0.0.1:-1\nd=1.2.3-x",
     "Parse error on line 4: 'Expected a top-level value to end with a new line, comment or EOF, but got 'x' instead.'"},
    {"a=[1,2]",
     "Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \"]\", but got '@' instead.'"},
    {"a=[ a, \"b\" 'c' ]",
     "Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \"]\", but got ''' instead.'"},
    {"a=$none",
     "variable reference for 'none' on line 1 can not be found"},
    {"a=$ENV_LOOP",
     "variable reference for 'ENV_LOOP' on line 1 could not be parsed: variable reference for 'ENV_LOOP' on line 1 could not be parsed: variable reference cycle for 'ENV_LOOP'"},
    {"a=$ENV_BAD",
     "variable reference for 'ENV_BAD' on line 1 could not be parsed: Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \"]\", but got '@' instead.'"},
    {"include nosuch.conf",
     "error parsing include file 'nosuch.conf', open nosuch.conf: no such file or directory"},
    {"include bad.conf",
     "error parsing include file 'bad.conf', Parse error on line 3: 'Expected an array value terminator \",\" or an array terminator \"]\", but got '@' instead.'"},
    {"include [x]",
     "Parse error on line 1: 'Expected include value but found start of an array'"},
    {"include {",
     "Parse error on line 1: 'Expected include value but found start of a map'"},
    {"include 12",
     "Parse error on line 1: 'Expected include value but found start of a number'"},
    {"include (",
     "Parse error on line 1: 'Expected include value but found start of a block'"},
    {"include \\x",
     "Parse error on line 1: 'Expected include value but found escape sequence'"},
    {"include\n",
     "Parse error on line 2: 'Expected include value but found new line'"},
    {"include \"x",
     "Parse error on line 1: 'Unexpected EOF in double quoted include'"},
    {"include 'x",
     "Parse error on line 1: 'Unexpected EOF in quoted include'"},
    {"foo",
     "config is invalid (t.conf:1:3)"},
    {"foo\n",
     "config is invalid (t.conf:2:1)"},
    {"{ {a=1} b=2 }",
     "Parse error on line 1: 'Expected a block-level to end with a '}', but got 'b' instead.'"},
    {"{a=1",
     "Parse error on line 1: 'Expected a block-level value to end with a new line, comment or EOF, but got '@' instead.'"},
    {"{a=1} x",
     "config is invalid (t.conf:1:7)"},
    {"{ {a=1} 7",
     "Parse error on line 1: 'Expected a block-level to end with a '}', but got '7' instead.'"},
    {"a=[",
     "Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \"]\", but got '@' instead.'"},
    {"a=[\"x",
     "Parse error on line 1: 'Unexpected EOF.'"},
    {"a=\"x",
     "Parse error on line 1: 'Unexpected EOF.'"},
    {"a='x",
     "Parse error on line 1: 'Unexpected EOF.'"},
    {"a=\"",
     "config is invalid (t.conf:1:3)"},
    {"\"a",
     "Parse error on line 1: 'Unexpected EOF.'"},
    {"a={",
     "Parse error on line 1: 'Unexpected EOF processing map.'"},
    {"a={b",
     "Parse error on line 1: 'Unexpected EOF processing map key.'"},
    {"a={b=1",
     "Parse error on line 1: 'Expected a map value terminator \",\" or a map terminator \"}\", but got '@' instead.'"},
    {"a={\"b",
     "Parse error on line 1: 'Unexpected EOF processing double quoted map key.'"},
    {"a={'b",
     "Parse error on line 1: 'Unexpected EOF processing quoted map key.'"},
    {"a={b=1 c=2}",
     "Parse error on line 1: 'Expected a map value terminator \",\" or a map terminator \"}\", but got 'c' instead.'"},
    {"a={,}",
     "Parse error on line 1: 'Unexpected EOF processing map key.'"},
    {"a={b,}",
     "Parse error on line 1: 'Unexpected EOF processing map key.'"},
    {"a={b:,}",
     "Parse error on line 1: 'Unexpected map value terminator \",\".'"},
    {"a={:b}",
     "Parse error on line 1: 'Unexpected key separator ':'.'"},
    {"a={]}",
     "Parse error on line 1: 'Unexpected array end ']' processing map.'"},
    {"a=[,1]",
     "Parse error on line 1: 'Unexpected array value terminator ','.'"},
    {"a=[1 2]",
     "Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \"]\", but got '2' instead.'"},
    {"a=[/]",
     "Parse error on line 1: 'Unexpected array value terminator ','.'"},
    {"a=(x",
     "Parse error on line 1: 'Unexpected EOF processing block.'"},
    {"=1",
     "Parse error on line 1: 'Unexpected key separator '=''"},
    {":1",
     "Parse error on line 1: 'Unexpected key separator ':''"},
    {"a=.5",
     "Parse error on line 1: 'Floats must start with a digit'"},
    {"a=-.5",
     "Parse error on line 1: 'Floats must start with a digit, not '.'.'"},
    {"a=-x",
     "Parse error on line 1: 'Expected a digit but got 'x'.'"},
    {"a=1.x",
     "Parse error on line 1: 'Floats must have a digit after the '.', but got 'x' instead.'"},
    {"a=1.5s",
     "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, but got 's' instead.'"},
    {"a=12-3",
     "Parse error on line 1: 'All ISO8601 dates must be in full Zulu form.'"},
    {"a=2016-1",
     "Parse error on line 1: 'Expected digit in ISO8601 datetime, but found '@' instead.'"},
    {"a=2016-05-04X",
     "Parse error on line 1: 'Expected 'T' in ISO8601 datetime, but found 'X' instead.'"},
    {"a=2016-05-04T18:53:41",
     "Parse error on line 1: 'Expected 'Z' in ISO8601 datetime, but found '@' instead.'"},
    {"a=2016-13-04T18:53:41Z",
     "expected Zulu formatted DateTime, but got '2016-13-04T18:53:41Z'"},
    {"a=2016-02-30T18:53:41Z",
     "expected Zulu formatted DateTime, but got '2016-02-30T18:53:41Z'"},
    {"a=\"\\q\"",
     "Parse error on line 1: 'Invalid escape character 'q'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.'"},
    {"a=\"\\x4\"",
     "Parse error on line 1: 'Expected two hexadecimal digits after '\\x', but got '4\"''"},
    {"a=\"\\x4\n1\"",
     "Parse error on line 2: 'Expected two hexadecimal digits after '\\x', but hit end of line'"},
    {"a=\"\\xzz\"",
     "Parse error on line 1: 'Expected two hexadecimal digits after '\\x', but got 'zz''"},
    {"a=x\\q",
     "Parse error on line 1: 'Invalid escape character 'q'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.'"},
    {"a=9223372036854775808",
     "integer '9223372036854775808' is out of the range"},
    {"a=-9223372036854775809",
     "integer '-9223372036854775809' is out of the range"},
    {"a=1 2",
     "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, but got '2' instead.'"},
    {"a=x y",
     "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, but got 'y' instead.'"},
    {"/",
     "Parse error on line 1: 'Unexpected EOF.'"},
    {"a=\n1",
     "Parse error on line 2: 'Expected value but found new line'"},
    {"a:\r\n1",
     "Parse error on line 1: 'Expected value but found new line'"},
};

static const struct row values[] = {
    {"a=1", "{\"a\":1}"},
    {"a: x.y, b: 'q'; c {d: on\ne: -1.5}", "{\"a\":\"x.y\",\"b\":\"q\",\"c\":{\"d\":true,\"e\":-1.5}}"},
    {"b=64MB\na=10k", "{\"a\":10000,\"b\":67108864}"},
    {"f=0.0000001\ng=100000000000000000000.5\nh=1000000000000000000000.0", "{\"f\":1e-7,\"g\":100000000000000000000,\"h\":1e+21}"},
    {"t=2016-05-04T18:53:41Z", "{\"t\":\"2016-05-04T18:53:41Z\"}"},
    {"a (\n one\n two\n)\n", "{\"a\":\"\\n one\\n two\\n\"}"},
    {"v { x: [1 , 2 ] }\na=$v", "{\"a\":{\"x\":[1,2]},\"v\":{\"x\":[1,2]}}"},
    {"a=$ENV_TWO", "{\"a\":64000}"},
    {"a='<&>'", "{\"a\":\"\\u003c\\u0026\\u003e\"}"},
    {"a=\"\\xff\\x01\"", "{\"a\":\"\\ufffd\\u0001\"}"},
    {"include sub/deep.conf", "{\"ia\":1,\"z\":1}"},
    {"a=1\nb=2\na=3", "{\"a\":3,\"b\":2}"},
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct collector {
    char text[4096];
    size_t size;
};

static void collect(void *context, struct bytes b)
{
    struct collector *c = context;
    assert_true(b.size < sizeof(c->text) - c->size);
    if (b.size > 0)
        memcpy(c->text + c->size, b.at, b.size);
    c->size += b.size;
    c->text[c->size] = '\0';
}

static void texts_have_the_values_they_say(void **state)
{
    for (size_t i = 0; i < COUNT(values); i++) {
        struct conf_tree *tree = parse_or_fail(values[i].text);
        struct collector c = {.size = 0};
        struct conf_json json = {collect, &c};
        conf_json_write(&json, conf_root(tree));
        assert_string_equal(c.text, values[i].want);
        conf_free(&tree);
        assert_null(tree);
    }
}

static void digests_are_those_of_nats_server(void **state)
{
    for (size_t i = 0; i < COUNT(digests); i++) {
        struct conf_tree *tree = parse_or_fail(digests[i].text);
        char digest[CONF_DIGEST_SIZE];
        conf_digest(tree, digest);
        assert_memory_equal(digest, "sha256:", strlen("sha256:"));
        if (strcmp(digest + strlen("sha256:"), digests[i].want) != 0)
            fail_msg("%s: %s", digests[i].text, digest);
        conf_free(&tree);
    }
}

/* NUL bytes, which name the end of a text, stand as @ in the table. */
static void errors_read_as_nats_server_writes_them(void **state)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct conf_tree *tree = NULL;
        struct conf_error error;
        if (parse(bytes_of(refusals[i].text), &tree, &error) == 0)
            fail_msg("accepted: %s", refusals[i].text);
        assert_null(tree);
        for (size_t at = 0; at < error.size; at++)
            if (error.text[at] == '\0')
                error.text[at] = '@';
        assert_string_equal(error.text, refusals[i].want);
    }
}

static void a_text_cut_anywhere_is_parsed_or_refused(void **state)
{
    for (size_t i = 0; i < COUNT(digests) + COUNT(refusals); i++) {
        const char *text = i < COUNT(digests) ? digests[i].text : refusals[i - COUNT(digests)].text;
        for (size_t size = 0; size < strlen(text); size++) {
            struct conf_tree *tree = NULL;
            struct conf_error error;
            char *cut = strndup(text, size); /* so that a reader past the end is seen */
            int rc = parse((struct bytes){cut, size}, &tree, &error);
            free(cut);
            assert_true(rc < 0 ? error.size > 0 && tree == NULL : tree != NULL);
            conf_free(&tree);
        }
    }
}

static void nodes_know_their_places(void **state)
{
    static const struct {
        const char *key;
        const char *file;
        int line;
        int column;
        bool used;
    } want[] = {
        {"a", "t.conf", 1, 0, false},      {"v", "t.conf", 2, 3, true},
        {"ia", "inc.conf", 1, 0, false},   {"quoted", "t.conf", 5, 2, false},
        {"from_v", "t.conf", 6, 1, false}, {"map", "t.conf", 7, 1, false},
    };
    struct conf_tree *tree = parse_or_fail(
        "a = 1\n  v: x\n# comment\ninclude inc.conf\n\"quoted\": 1\nfrom_v: $v\nmap {\n x: [\n 1\n "
        "{y: 2}\n]\n}");
    const struct conf_node *node = conf_first(conf_root(tree));
    for (size_t i = 0; i < COUNT(want); i++, node = node->next) {
        assert_non_null(node);
        assert_true(bytes_are(node->key, want[i].key));
        assert_string_equal(node->file, want[i].file);
        assert_int_equal(node->line, want[i].line);
        assert_int_equal(node->column, want[i].column);
        assert_int_equal(node->used, want[i].used);
    }
    assert_null(node);
    const struct conf_node *map = conf_find(conf_root(tree)->as.group, BYTES("map"));
    const struct conf_node *item = conf_first(conf_first(map));
    assert_int_equal(item->line, 9);
    assert_int_equal(item->column, 2);
    assert_int_equal(item->next->line, 10); /* a map in an array stands where it closes */
    assert_int_equal(item->next->column, 8);
    conf_free(&tree);
}

static void what_a_variable_of_the_environment_holds_stands_where_it_is_named(void **state)
{
    struct conf_tree *tree = parse_or_fail("x: 1\ny: $ENV_MAP\n");
    const struct conf_node *y = conf_find(conf_root(tree)->as.group, BYTES("y"));
    assert_int_equal(y->line, 2);
    assert_int_equal(y->column, 1);
    assert_string_equal(conf_first(y)->file, "t.conf");
    assert_int_equal(conf_first(y)->line, 2);
    conf_free(&tree);
}

static void includes_are_relative_to_the_file_that_has_them(void **state)
{
    struct memory_source memory = {files, variables};
    struct conf_source source = memory_conf_source(&memory);
    struct conf_tree *tree = NULL;
    struct conf_error error;
    assert_int_equal(conf_parse_file("/etc/x/main.conf", &source, &tree, &error), 0);
    const struct conf_node *z = conf_find(conf_root(tree)->as.group, BYTES("z"));
    assert_non_null(z);
    assert_string_equal(z->file, "/etc/y/z.conf");
    conf_free(&tree);
}

static void a_file_that_is_not_there_is_told_by_name(void **state)
{
    struct memory_source memory = {files, variables};
    struct conf_source source = memory_conf_source(&memory);
    struct conf_tree *tree = NULL;
    struct conf_error error;
    assert_int_equal(conf_parse_file("no.conf", &source, &tree, &error), -ENOENT);
    assert_string_equal(error.text, "open no.conf: no such file or directory");
}

static void an_include_cycle_ends(void **state)
{
    struct conf_tree *tree = NULL;
    struct conf_error error;
    assert_int_equal(parse(BYTES("include loop.conf"), &tree, &error), -EINVAL);
    assert_non_null(strstr(error.text, "included more than 16 deep"));
}

/* "a=" and then `count` times `part`. */
static char *repeat(const char *head, const char *part, size_t count)
{
    size_t head_size = strlen(head);
    size_t part_size = strlen(part);
    char *text = malloc(head_size + count * part_size + 1);
    assert_non_null(text);
    memcpy(text, head, head_size);
    for (size_t i = 0; i < count; i++)
        memcpy(text + head_size + i * part_size, part, part_size);
    text[head_size + count * part_size] = '\0';
    return text;
}

static void nesting_is_bounded(void **state)
{
    static const char *const parts[] = {"[", "{a=", "{a "};
    for (size_t i = 0; i < COUNT(parts); i++) {
        char *text = repeat("a=", parts[i], CONF_DEPTH_MAX + 1);
        struct conf_tree *tree = NULL;
        struct conf_error error;
        assert_int_equal(parse(bytes_of(text), &tree, &error), -EINVAL);
        assert_non_null(strstr(error.text, "Nested more than 128 deep."));
        free(text);
    }
}

static void variables_can_not_nest_past_the_bound_either(void **state)
{
    char *text = repeat("v0=[1 ]\n", "", 0);
    for (int i = 1; i <= CONF_DEPTH_MAX; i++) {
        char line[64];
        snprintf(line, sizeof(line), "v%d=[$v%d]\n", i, i - 1);
        char *longer = repeat(text, line, 1);
        free(text);
        text = longer;
    }
    struct conf_tree *tree = NULL;
    struct conf_error error;
    assert_int_equal(parse(bytes_of(text), &tree, &error), -EINVAL);
    assert_non_null(strstr(error.text, "Nested more than"));
    free(text);
}

static void values_that_double_with_every_variable_are_refused(void **state)
{
    char *text = repeat("v0=[1 ]\n", "", 0);
    for (int i = 1; i <= 40; i++) {
        char line[64];
        snprintf(line, sizeof(line), "v%d=[$v%d,$v%d]\n", i, i - 1, i - 1);
        char *longer = repeat(text, line, 1);
        free(text);
        text = longer;
    }
    struct conf_tree *tree = NULL;
    struct conf_error error;
    assert_int_equal(parse(bytes_of(text), &tree, &error), -EINVAL);
    assert_non_null(strstr(error.text, "More than 4194304 values."));
    free(text);
}

static void many_keys_are_found_and_replaced(void **state)
{
    enum { KEYS = 5000 };
    size_t room = KEYS * 32;
    char *text = malloc(room);
    size_t size = 0;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < KEYS; i++)
            size += (size_t)snprintf(text + size, room - size, "k%d=%d\n", i, i + round);
    struct conf_tree *tree = parse_or_fail(text);
    const struct conf_group *root = conf_root(tree)->as.group;
    assert_int_equal(root->count, KEYS);
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%d", i);
        const struct conf_node *node = conf_find(root, bytes_of(key));
        assert_non_null(node);
        assert_int_equal(node->as.integer, i + 1);
        assert_int_equal(node->line, KEYS + i + 1);
    }
    assert_null(conf_find(root, BYTES("k5000")));
    conf_free(&tree);
    free(text);
}

static void characters_survive_encoding(void **state)
{
    static const uint32_t samples[] = {0,      0x7f,   0x80,   0x7ff,   0x800,
                                       0xd7ff, 0xe000, 0xfffd, 0x10000, 0x10ffff};
    for (size_t i = 0; i < COUNT(samples); i++) {
        char at[CONF_UTF8_MAX];
        size_t width = 0;
        size_t size = conf_utf8_encode(samples[i], at);
        assert_int_equal(conf_utf8_decode((struct bytes){at, size}, &width), samples[i]);
        assert_int_equal(width, size);
        if (size > 1) {
            assert_int_equal(conf_utf8_decode((struct bytes){at, size - 1}, &width), CONF_UTF8_BAD);
            assert_int_equal(width, 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_have_the_values_they_say),
        cmocka_unit_test(digests_are_those_of_nats_server),
        cmocka_unit_test(errors_read_as_nats_server_writes_them),
        cmocka_unit_test(a_text_cut_anywhere_is_parsed_or_refused),
        cmocka_unit_test(nodes_know_their_places),
        cmocka_unit_test(what_a_variable_of_the_environment_holds_stands_where_it_is_named),
        cmocka_unit_test(includes_are_relative_to_the_file_that_has_them),
        cmocka_unit_test(a_file_that_is_not_there_is_told_by_name),
        cmocka_unit_test(an_include_cycle_ends),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(variables_can_not_nest_past_the_bound_either),
        cmocka_unit_test(values_that_double_with_every_variable_are_refused),
        cmocka_unit_test(many_keys_are_found_and_replaced),
        cmocka_unit_test(characters_survive_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

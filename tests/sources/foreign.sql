--
-- PostgreSQL database dump
--

\restrict 7E6N2SRp2AIMoYSbCP28BZPYPcrgO7nwaBDTZ5YoYRCqFTe9itfCDEb4A6bKbpD

-- Dumped from database version 16.14
-- Dumped by pg_dump version 16.14

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: public; Type: SCHEMA; Schema: -; Owner: -
--



--
-- Name: SCHEMA public; Type: COMMENT; Schema: -; Owner: -
--



SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: data_nodes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.data_nodes (
    id bigint NOT NULL,
    text character varying NOT NULL,
    metadata_ jsonb,
    node_id character varying,
    embedding public.vector(16),
    text_search_tsv tsvector GENERATED ALWAYS AS (to_tsvector('english'::regconfig, (text)::text)) STORED
);


--
-- Name: data_nodes_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.data_nodes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: data_nodes_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.data_nodes_id_seq OWNED BY public.data_nodes.id;


--
-- Name: documents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.documents (
    chunk_id text NOT NULL,
    document_text text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    embedding public.vector(16),
    tsv tsvector,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);


--
-- Name: embedding_metadata; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.embedding_metadata (
    id integer DEFAULT 1 NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    dimensions integer NOT NULL,
    created_at timestamp with time zone DEFAULT now(),
    CONSTRAINT single_row CHECK ((id = 1))
);


--
-- Name: langchain_pg_collection; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.langchain_pg_collection (
    uuid uuid NOT NULL,
    name character varying NOT NULL,
    cmetadata json
);


--
-- Name: langchain_pg_embedding; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.langchain_pg_embedding (
    id character varying NOT NULL,
    collection_id uuid,
    embedding public.vector,
    document character varying,
    cmetadata jsonb
);


--
-- Name: lc_table; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.lc_table (
    langchain_id text NOT NULL,
    content text NOT NULL,
    embedding public.vector(16) NOT NULL,
    page double precision,
    source text,
    ok boolean,
    langchain_metadata json
);


--
-- Name: data_nodes id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.data_nodes ALTER COLUMN id SET DEFAULT nextval('public.data_nodes_id_seq'::regclass);


--
-- Data for Name: data_nodes; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.data_nodes (id, text, metadata_, node_id, embedding) FROM stdin;
1	a first text\nwith a line, a \\ and a \ttab	{"ok": true, "page": 1, "doc_id": "document", "source": "/a.md", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"one\\", \\"embedding\\": null, \\"metadata\\": {\\"source\\": \\"/a.md\\", \\"page\\": 1, \\"ok\\": true}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	one	[0.2676819,0.2707922,-0.20450838,-0.22478314,-0.32987002,-0.19914925,0.0660943,-0.5109704,0.35286134,-0.26026344,0.21874572,0.030691164,-0.09048896,-0.31346092,0.008377157,0.034306813]
2	Über die Brücke 🐻	{"page": 2.5, "tags": ["x", "y"], "doc_id": "document", "source": "/b.md", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"two\\", \\"embedding\\": null, \\"metadata\\": {\\"source\\": \\"/b.md\\", \\"page\\": 2.5, \\"tags\\": [\\"x\\", \\"y\\"]}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	two	[0.30415657,0.24465086,-0.22781672,0.2844862,-0.015594458,-0.29019842,0.31970373,0.6200983,0.10207416,-0.0077927867,0.084280424,-0.18098576,0.17413074,-0.18009086,-0.17435959,0.010806859]
3	\\N	{"empty": "", "doc_id": "document", "nested": {"a": [1, null]}, "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"three\\", \\"embedding\\": null, \\"metadata\\": {\\"nested\\": {\\"a\\": [1, null]}, \\"empty\\": \\"\\"}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	three	[-0.34253803,-0.05254427,-0.3026664,-0.023657126,0.2053786,-0.20933889,-0.077687904,0.32779738,0.089805104,-0.38606945,0.19781773,0.108592935,-0.39395338,0.022753453,0.45509753,-0.13183668]
4	page 0 of the manual	{"page": 0, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page00\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 0}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page00	[0.27383643,0.42296797,-0.032655295,0.24061522,0.23312831,-0.086056,0.35528317,0.016231205,-0.049792178,0.08104198,-0.10283815,0.1261257,-0.4916859,0.3072387,-0.10986221,0.3393447]
5	page 1 of the manual	{"page": 1, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page01\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 1}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page01	[0.40460995,0.48069224,-0.03181714,-0.047517136,0.25837818,0.025844907,0.24286714,-0.09052275,-0.10891023,-0.24499792,-0.21432097,0.10252261,-0.17383751,0.47006124,0.05427149,0.29137135]
6	page 2 of the manual	{"page": 2, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page02\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 2}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page02	[0.36090145,0.25368714,0.0137866195,-0.030229772,0.38959348,-0.0062535917,0.33331844,0.15757167,-0.0680676,-0.015088186,-0.31236362,0.0770706,-0.45520562,0.32029575,-0.3076347,0.061028447]
7	page 3 of the manual	{"page": 3, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page03\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 3}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page03	[0.28010225,0.26253703,-0.049170937,0.25495625,0.21026114,-0.10626261,0.22019628,0.282124,-0.13963994,-0.16536883,-0.22927195,0.1369759,-0.40891463,0.5545388,-0.063733995,0.068220966]
8	page 4 of the manual	{"page": 4, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page04\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 4}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page04	[0.298211,0.4211447,-0.07658079,0.12738332,0.33147892,0.102264196,0.38710472,0.12695307,-0.26612157,0.031757623,-0.273529,0.2507151,-0.35036293,0.2041355,0.12071,0.19186199]
9	page 5 of the manual	{"page": 5, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page05\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 5}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page05	[0.37799487,0.2586172,0.042062454,0.018034626,0.1297952,0.074703865,0.48153195,0.24257872,0.04968025,0.008324004,-0.25003964,0.17870247,-0.40221968,0.38238025,-0.12706122,0.23209037]
10	page 6 of the manual	{"page": 6, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page06\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 6}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page06	[0.26845726,0.35010025,0.08835505,0.3503595,0.21453032,0.17606224,0.27825582,0.10654074,0.017816402,-0.08164232,0.07104052,-0.19521381,-0.5358349,0.29775804,-0.077532396,0.2776247]
11	page 7 of the manual	{"page": 7, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page07\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 7}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page07	[0.44667205,0.00575662,-0.09371286,0.28405064,0.11283683,0.020326352,0.4839393,-0.04046053,-0.013269386,0.17574891,-0.15151896,0.28994045,-0.46775797,0.3135848,0.008255184,0.08195222]
12	page 8 of the manual	{"page": 8, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page08\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 8}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page08	[0.23580529,0.3446739,0.12948568,0.20198101,0.26980948,0.16627246,0.36478555,0.29725593,-0.23320986,-0.021211589,-0.1290517,0.02910876,-0.41305748,0.22223084,-0.17911854,0.34890506]
13	page 9 of the manual	{"page": 9, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page09\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 9}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page09	[0.3792756,0.38090503,0.112169445,0.2639838,0.26302066,0.05394211,0.17810063,0.04501215,-0.06649783,0.049432248,-0.28480214,0.014100833,-0.38423938,0.4316509,-0.16211663,0.2730121]
14	page 10 of the manual	{"page": 10, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page10\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 10}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page10	[0.20005724,0.39229414,-0.061007533,0.09106634,0.4863912,0.056467585,0.30765533,0.10198597,0.06129276,0.20089856,-0.31151193,0.08801578,-0.3657115,0.20910028,0.0055195084,0.35049632]
15	page 11 of the manual	{"page": 11, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page11\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 11}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page11	[0.47125742,0.33129808,-0.10498342,0.088200495,0.114033304,0.014955711,0.19340007,0.13119017,-0.22684687,-0.17340404,-0.24250382,-0.0376942,-0.4802401,0.44488287,-0.012848363,0.105079114]
16	page 12 of the manual	{"page": 12, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page12\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 12}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page12	[0.21472839,0.2878514,-0.10593421,0.23276573,0.18943793,-0.08929117,0.3713143,0.064372584,-0.1953665,-0.09475952,-0.10765301,0.16418782,-0.5476689,0.41886616,0.0058908653,0.24214582]
17	page 13 of the manual	{"page": 13, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page13\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 13}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page13	[0.4875571,0.2473224,-0.05766831,-0.023932021,0.32550415,0.05507344,0.24899927,0.24338864,-0.10628137,-0.2433936,-0.072829224,0.12806952,-0.46779418,0.3798565,-0.031877235,0.10303419]
18	page 14 of the manual	{"page": 14, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page14\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 14}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page14	[0.2678951,0.47198704,0.008490108,0.103667915,0.11931139,-0.1333538,0.3698039,0.1825735,0.13012677,-0.28157005,-0.10260521,0.30849436,-0.3995899,0.3499627,0.059405357,-0.070346475]
19	page 15 of the manual	{"page": 15, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page15\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 15}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page15	[0.23257135,0.30489713,-0.13355058,0.13499463,0.26606745,-0.02942522,0.5332716,0.16647944,-0.012577342,-0.084736936,-0.100213,-0.0512656,-0.4676262,0.41342473,-0.14581838,0.04765145]
20	page 16 of the manual	{"page": 16, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page16\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 16}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page16	[0.2099257,0.30861545,0.019325664,0.10285027,0.25215936,-0.098546766,0.45389527,0.22330557,0.12777168,0.06877179,-0.19667864,0.0915314,-0.33901146,0.4825094,-0.12453718,0.2986381]
21	page 17 of the manual	{"page": 17, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page17\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 17}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page17	[0.2863238,0.31614897,0.06898515,0.32608855,0.13563569,-0.048280932,0.38870487,-0.13149554,0.04702759,-0.12305045,-0.27303827,0.18955448,-0.48951575,0.26753947,-0.18203145,0.21375893]
22	page 18 of the manual	{"page": 18, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page18\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 18}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page18	[0.41910702,0.19991872,0.07621892,-0.068741046,0.1235294,0.0007426458,0.23625495,0.043115024,-0.20708802,-0.11068505,-0.0717977,-0.033549834,-0.3202921,0.4334884,-0.26160464,0.5296777]
23	page 19 of the manual	{"page": 19, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page19\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 19}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page19	[0.532497,0.2340087,-0.00018145781,0.110207655,0.29846308,0.032489564,0.37223122,0.23092717,-0.011026428,0.06417202,-0.18802553,0.19389291,-0.41979253,0.32493696,0.05493665,0.074204884]
24	page 20 of the manual	{"page": 20, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page20\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 20}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page20	[0.40346685,0.35198954,-0.16213201,0.007713543,0.2854456,-0.14999132,0.33737677,0.07713636,-0.16908702,-0.027586574,-0.27899596,-0.01608378,-0.40873805,0.39341092,0.07762651,0.16705742]
25	page 21 of the manual	{"page": 21, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page21\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 21}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page21	[0.095770046,0.35662124,-0.028217537,0.069578536,0.23968107,0.096760176,0.17728826,0.19659874,-0.23580885,0.16171435,-0.27639014,-0.03451269,-0.56521267,0.45726848,-0.057781033,0.17286353]
26	page 22 of the manual	{"page": 22, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page22\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 22}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page22	[0.3113076,0.18198018,-0.13421492,0.018751405,0.41816273,-0.08091296,0.31725624,-0.09094447,-0.24813387,0.11045825,-0.08116402,0.00805575,-0.38797605,0.55461377,-0.12903728,0.07797271]
27	page 23 of the manual	{"page": 23, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page23\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 23}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page23	[0.52389336,0.38334388,0.07110369,0.32126054,0.041885957,-0.10262309,0.22843237,0.08417617,-0.12831908,-0.022237811,-0.14395562,0.16528274,-0.3964561,0.34858587,-0.075474,0.22221264]
28	page 24 of the manual	{"page": 24, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page24\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 24}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page24	[0.42819867,0.39368236,0.0029916768,0.124913216,0.20902377,0.0026313073,0.3525277,0.10116904,-0.15344466,-0.12087617,-0.16858768,0.16090189,-0.4071152,0.3651449,-0.07826893,0.2648998]
29	page 25 of the manual	{"page": 25, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page25\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 25}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page25	[0.41505486,0.4319039,-0.05711009,-0.13935894,0.15374127,-0.08381088,0.18929386,0.13249938,-0.1542593,-0.15353005,-0.22519211,0.065762766,-0.35060817,0.3889867,-0.010026166,0.397135]
30	page 26 of the manual	{"page": 26, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page26\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 26}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page26	[0.46545854,0.27993077,-0.038908634,0.020500124,0.16498111,-0.04337645,0.38954315,0.18665895,-0.070142254,0.11030503,-0.26477188,-0.08053238,-0.3101877,0.4513913,-0.13786046,0.27333948]
31	page 27 of the manual	{"page": 27, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page27\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 27}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page27	[0.46265176,0.3139468,-0.17521086,0.05529101,0.2370113,-0.26336914,0.29387906,0.23580742,-0.06354324,-0.11663881,-0.1209562,0.08615771,-0.30403003,0.40104544,-0.0034536975,0.30520085]
32	page 28 of the manual	{"page": 28, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page28\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 28}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page28	[0.25037318,0.3678295,0.089488454,0.26328802,0.03030913,-0.0063409684,0.40910432,0.1449542,-0.1590121,0.13645056,-0.19638784,0.030474868,-0.42301196,0.42116046,0.10179941,0.29201055]
33	page 29 of the manual	{"page": 29, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page29\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 29}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page29	[0.49444762,0.32421607,0.004509086,-0.026884422,0.26478633,0.0238607,0.34444004,-0.08298341,0.11094809,-0.11775808,-0.39409158,0.097487554,-0.4419082,0.2566005,0.020326471,0.030459378]
34	page 30 of the manual	{"page": 30, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page30\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 30}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page30	[0.34167832,0.41945603,-0.0896812,0.09418348,0.12789907,0.15562795,0.36286634,0.12372504,-0.14134817,-0.060308263,-0.14426869,0.12428737,-0.41661766,0.47023243,-0.087451644,0.20156246]
35	page 31 of the manual	{"page": 31, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page31\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 31}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page31	[0.2760199,0.49819762,0.020950548,0.13203266,0.42530927,0.040656034,0.23370187,0.107123174,-0.102592126,-0.08100456,0.0676983,0.055192653,-0.4231639,0.3304813,-0.18980043,0.24511597]
36	page 32 of the manual	{"page": 32, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page32\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 32}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page32	[0.3640071,0.34276447,-0.25024688,-0.0653098,0.26924288,0.26979804,0.19243558,0.34984255,-0.25333005,-0.082832746,-0.10625292,0.19297057,-0.29031435,0.26589552,0.081863746,0.31171983]
37	page 33 of the manual	{"page": 33, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page33\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 33}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page33	[0.21454673,0.37242308,0.053262223,0.068667196,0.16321355,0.32278913,0.5169747,0.12695703,0.1099239,-0.16537634,-0.18156554,0.116109066,-0.41914672,0.31214184,-0.14363171,0.117812425]
38	page 34 of the manual	{"page": 34, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page34\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 34}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page34	[0.20398176,0.2822409,0.029710608,0.045711808,0.20940506,0.10975404,0.34762016,0.04666112,-0.033900727,0.05178918,-0.076783426,0.11567261,-0.46880051,0.46412843,-0.27371255,0.4045131]
39	page 35 of the manual	{"page": 35, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page35\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 35}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page35	[0.41440767,0.49397814,-0.07181072,0.11342614,0.12678996,0.055260684,0.25138548,0.13523538,-0.06526578,0.045694407,-0.11825479,0.17334683,-0.51801205,0.30646726,-0.025273457,0.22877626]
40	page 36 of the manual	{"page": 36, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page36\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 36}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page36	[0.18226844,0.3963559,-0.118476905,-0.035932183,0.2256508,-0.11196839,0.3392193,0.20302674,-0.28228995,0.04743441,-0.04440249,0.07476869,-0.39931569,0.40430155,-0.026956921,0.40183142]
41	page 37 of the manual	{"page": 37, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page37\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 37}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page37	[0.4626166,0.4376881,-0.052712206,0.07009886,0.27757713,0.18332763,0.26561219,-0.048512705,0.0312871,-0.012584859,-0.31148174,0.032938007,-0.34854913,0.32094586,-0.105690695,0.2612563]
42	page 38 of the manual	{"page": 38, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page38\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 38}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page38	[0.37623262,0.27333504,-0.08882294,0.004308873,0.09906073,0.19170804,0.2775104,0.14886923,-0.037501093,0.28141138,-0.293698,0.105911784,-0.5274747,0.38853264,0.068639055,0.13459861]
43	page 39 of the manual	{"page": 39, "doc_id": "document", "_node_type": "TextNode", "ref_doc_id": "document", "document_id": "document", "_node_content": "{\\"id_\\": \\"page39\\", \\"embedding\\": null, \\"metadata\\": {\\"page\\": 39}, \\"excluded_embed_metadata_keys\\": [], \\"excluded_llm_metadata_keys\\": [], \\"relationships\\": {\\"1\\": {\\"node_id\\": \\"document\\", \\"node_type\\": null, \\"metadata\\": {}, \\"hash\\": null, \\"class_name\\": \\"RelatedNodeInfo\\"}}, \\"metadata_template\\": \\"{key}: {value}\\", \\"metadata_separator\\": \\"\\\\n\\", \\"text\\": \\"\\", \\"mimetype\\": \\"text/plain\\", \\"start_char_idx\\": null, \\"end_char_idx\\": null, \\"text_template\\": \\"{metadata_str}\\\\n\\\\n{content}\\", \\"class_name\\": \\"TextNode\\"}"}	page39	[0.15857211,0.20988692,-0.07082519,0.1426939,0.32949555,0.04897934,0.40832135,0.19068381,-0.14451891,-0.27365997,0.06135204,0.10762882,-0.5919545,0.33149865,-0.015616128,0.14036654]
\.


--
-- Data for Name: documents; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.documents (chunk_id, document_text, metadata, embedding, tsv, created_at, updated_at) FROM stdin;
one	a first text\nwith a line, a \\ and a \ttab	{"ok": true, "page": 1, "source": "/a.md"}	[0.2676819,0.2707922,-0.20450838,-0.22478314,-0.32987002,-0.19914925,0.0660943,-0.5109704,0.35286134,-0.26026344,0.21874572,0.030691164,-0.09048896,-0.31346092,0.008377157,0.034306813]	'first':2C 'line':6C 'tab':10C 'text':3C	2026-11-28 21:38:14.499288+00	2026-11-28 21:38:14.505896+00
two	Über die Brücke 🐻	{"page": 2.5, "tags": ["x", "y"], "source": "/b.md"}	[0.30415657,0.24465086,-0.22781672,0.2844862,-0.015594458,-0.29019842,0.31970373,0.6200983,0.10207416,-0.0077927867,0.084280424,-0.18098576,0.17413074,-0.18009086,-0.17435959,0.010806859]	'brücke':3C 'die':2C 'über':1C	2026-11-28 21:38:14.555401+00	2026-11-28 21:38:14.575541+00
three	\\N	{"empty": "", "nested": {"a": [1, null]}}	[-0.34253803,-0.05254427,-0.3026664,-0.023657126,0.2053786,-0.20933889,-0.077687904,0.32779738,0.089805104,-0.38606945,0.19781773,0.108592935,-0.39395338,0.022753453,0.45509753,-0.13183668]	'n':1C	2026-11-28 21:38:14.58728+00	2026-11-28 21:38:14.624027+00
page00	page 0 of the manual	{"page": 0}	[0.27383643,0.42296797,-0.032655295,0.24061522,0.23312831,-0.086056,0.35528317,0.016231205,-0.049792178,0.08104198,-0.10283815,0.1261257,-0.4916859,0.3072387,-0.10986221,0.3393447]	'0':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.651477+00	2026-11-28 21:38:14.690769+00
page01	page 1 of the manual	{"page": 1}	[0.40460995,0.48069224,-0.03181714,-0.047517136,0.25837818,0.025844907,0.24286714,-0.09052275,-0.10891023,-0.24499792,-0.21432097,0.10252261,-0.17383751,0.47006124,0.05427149,0.29137135]	'1':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.694867+00	2026-11-28 21:38:14.695939+00
page02	page 2 of the manual	{"page": 2}	[0.36090145,0.25368714,0.0137866195,-0.030229772,0.38959348,-0.0062535917,0.33331844,0.15757167,-0.0680676,-0.015088186,-0.31236362,0.0770706,-0.45520562,0.32029575,-0.3076347,0.061028447]	'2':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.697744+00	2026-11-28 21:38:14.711773+00
page03	page 3 of the manual	{"page": 3}	[0.28010225,0.26253703,-0.049170937,0.25495625,0.21026114,-0.10626261,0.22019628,0.282124,-0.13963994,-0.16536883,-0.22927195,0.1369759,-0.40891463,0.5545388,-0.063733995,0.068220966]	'3':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.713958+00	2026-11-28 21:38:14.714904+00
page04	page 4 of the manual	{"page": 4}	[0.298211,0.4211447,-0.07658079,0.12738332,0.33147892,0.102264196,0.38710472,0.12695307,-0.26612157,0.031757623,-0.273529,0.2507151,-0.35036293,0.2041355,0.12071,0.19186199]	'4':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.715526+00	2026-11-28 21:38:14.718326+00
page05	page 5 of the manual	{"page": 5}	[0.37799487,0.2586172,0.042062454,0.018034626,0.1297952,0.074703865,0.48153195,0.24257872,0.04968025,0.008324004,-0.25003964,0.17870247,-0.40221968,0.38238025,-0.12706122,0.23209037]	'5':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.724001+00	2026-11-28 21:38:14.72801+00
page06	page 6 of the manual	{"page": 6}	[0.26845726,0.35010025,0.08835505,0.3503595,0.21453032,0.17606224,0.27825582,0.10654074,0.017816402,-0.08164232,0.07104052,-0.19521381,-0.5358349,0.29775804,-0.077532396,0.2776247]	'6':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.728565+00	2026-11-28 21:38:14.731713+00
page07	page 7 of the manual	{"page": 7}	[0.44667205,0.00575662,-0.09371286,0.28405064,0.11283683,0.020326352,0.4839393,-0.04046053,-0.013269386,0.17574891,-0.15151896,0.28994045,-0.46775797,0.3135848,0.008255184,0.08195222]	'7':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.732318+00	2026-11-28 21:38:14.732839+00
page08	page 8 of the manual	{"page": 8}	[0.23580529,0.3446739,0.12948568,0.20198101,0.26980948,0.16627246,0.36478555,0.29725593,-0.23320986,-0.021211589,-0.1290517,0.02910876,-0.41305748,0.22223084,-0.17911854,0.34890506]	'8':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.736038+00	2026-11-28 21:38:14.740258+00
page09	page 9 of the manual	{"page": 9}	[0.3792756,0.38090503,0.112169445,0.2639838,0.26302066,0.05394211,0.17810063,0.04501215,-0.06649783,0.049432248,-0.28480214,0.014100833,-0.38423938,0.4316509,-0.16211663,0.2730121]	'9':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.745972+00	2026-11-28 21:38:14.746564+00
page10	page 10 of the manual	{"page": 10}	[0.20005724,0.39229414,-0.061007533,0.09106634,0.4863912,0.056467585,0.30765533,0.10198597,0.06129276,0.20089856,-0.31151193,0.08801578,-0.3657115,0.20910028,0.0055195084,0.35049632]	'10':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.755062+00	2026-11-28 21:38:14.759682+00
page11	page 11 of the manual	{"page": 11}	[0.47125742,0.33129808,-0.10498342,0.088200495,0.114033304,0.014955711,0.19340007,0.13119017,-0.22684687,-0.17340404,-0.24250382,-0.0376942,-0.4802401,0.44488287,-0.012848363,0.105079114]	'11':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.760307+00	2026-11-28 21:38:14.764257+00
page12	page 12 of the manual	{"page": 12}	[0.21472839,0.2878514,-0.10593421,0.23276573,0.18943793,-0.08929117,0.3713143,0.064372584,-0.1953665,-0.09475952,-0.10765301,0.16418782,-0.5476689,0.41886616,0.0058908653,0.24214582]	'12':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.764839+00	2026-11-28 21:38:14.765354+00
page13	page 13 of the manual	{"page": 13}	[0.4875571,0.2473224,-0.05766831,-0.023932021,0.32550415,0.05507344,0.24899927,0.24338864,-0.10628137,-0.2433936,-0.072829224,0.12806952,-0.46779418,0.3798565,-0.031877235,0.10303419]	'13':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.768004+00	2026-11-28 21:38:14.768457+00
page14	page 14 of the manual	{"page": 14}	[0.2678951,0.47198704,0.008490108,0.103667915,0.11931139,-0.1333538,0.3698039,0.1825735,0.13012677,-0.28157005,-0.10260521,0.30849436,-0.3995899,0.3499627,0.059405357,-0.070346475]	'14':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.768995+00	2026-11-28 21:38:14.770698+00
page15	page 15 of the manual	{"page": 15}	[0.23257135,0.30489713,-0.13355058,0.13499463,0.26606745,-0.02942522,0.5332716,0.16647944,-0.012577342,-0.084736936,-0.100213,-0.0512656,-0.4676262,0.41342473,-0.14581838,0.04765145]	'15':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.789555+00	2026-11-28 21:38:14.790083+00
page16	page 16 of the manual	{"page": 16}	[0.2099257,0.30861545,0.019325664,0.10285027,0.25215936,-0.098546766,0.45389527,0.22330557,0.12777168,0.06877179,-0.19667864,0.0915314,-0.33901146,0.4825094,-0.12453718,0.2986381]	'16':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.790642+00	2026-11-28 21:38:14.807776+00
page17	page 17 of the manual	{"page": 17}	[0.2863238,0.31614897,0.06898515,0.32608855,0.13563569,-0.048280932,0.38870487,-0.13149554,0.04702759,-0.12305045,-0.27303827,0.18955448,-0.48951575,0.26753947,-0.18203145,0.21375893]	'17':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.808464+00	2026-11-28 21:38:14.809029+00
page18	page 18 of the manual	{"page": 18}	[0.41910702,0.19991872,0.07621892,-0.068741046,0.1235294,0.0007426458,0.23625495,0.043115024,-0.20708802,-0.11068505,-0.0717977,-0.033549834,-0.3202921,0.4334884,-0.26160464,0.5296777]	'18':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.809567+00	2026-11-28 21:38:14.810024+00
page19	page 19 of the manual	{"page": 19}	[0.532497,0.2340087,-0.00018145781,0.110207655,0.29846308,0.032489564,0.37223122,0.23092717,-0.011026428,0.06417202,-0.18802553,0.19389291,-0.41979253,0.32493696,0.05493665,0.074204884]	'19':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.810574+00	2026-11-28 21:38:14.811108+00
page20	page 20 of the manual	{"page": 20}	[0.40346685,0.35198954,-0.16213201,0.007713543,0.2854456,-0.14999132,0.33737677,0.07713636,-0.16908702,-0.027586574,-0.27899596,-0.01608378,-0.40873805,0.39341092,0.07762651,0.16705742]	'20':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.820089+00	2026-11-28 21:38:14.836098+00
page21	page 21 of the manual	{"page": 21}	[0.095770046,0.35662124,-0.028217537,0.069578536,0.23968107,0.096760176,0.17728826,0.19659874,-0.23580885,0.16171435,-0.27639014,-0.03451269,-0.56521267,0.45726848,-0.057781033,0.17286353]	'21':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.836876+00	2026-11-28 21:38:14.837417+00
page22	page 22 of the manual	{"page": 22}	[0.3113076,0.18198018,-0.13421492,0.018751405,0.41816273,-0.08091296,0.31725624,-0.09094447,-0.24813387,0.11045825,-0.08116402,0.00805575,-0.38797605,0.55461377,-0.12903728,0.07797271]	'22':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.842227+00	2026-11-28 21:38:14.855752+00
page23	page 23 of the manual	{"page": 23}	[0.52389336,0.38334388,0.07110369,0.32126054,0.041885957,-0.10262309,0.22843237,0.08417617,-0.12831908,-0.022237811,-0.14395562,0.16528274,-0.3964561,0.34858587,-0.075474,0.22221264]	'23':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.85642+00	2026-11-28 21:38:14.859852+00
page24	page 24 of the manual	{"page": 24}	[0.42819867,0.39368236,0.0029916768,0.124913216,0.20902377,0.0026313073,0.3525277,0.10116904,-0.15344466,-0.12087617,-0.16858768,0.16090189,-0.4071152,0.3651449,-0.07826893,0.2648998]	'24':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.860518+00	2026-11-28 21:38:14.861027+00
page25	page 25 of the manual	{"page": 25}	[0.41505486,0.4319039,-0.05711009,-0.13935894,0.15374127,-0.08381088,0.18929386,0.13249938,-0.1542593,-0.15353005,-0.22519211,0.065762766,-0.35060817,0.3889867,-0.010026166,0.397135]	'25':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.870026+00	2026-11-28 21:38:14.883274+00
page26	page 26 of the manual	{"page": 26}	[0.46545854,0.27993077,-0.038908634,0.020500124,0.16498111,-0.04337645,0.38954315,0.18665895,-0.070142254,0.11030503,-0.26477188,-0.08053238,-0.3101877,0.4513913,-0.13786046,0.27333948]	'26':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.884123+00	2026-11-28 21:38:14.884602+00
page27	page 27 of the manual	{"page": 27}	[0.46265176,0.3139468,-0.17521086,0.05529101,0.2370113,-0.26336914,0.29387906,0.23580742,-0.06354324,-0.11663881,-0.1209562,0.08615771,-0.30403003,0.40104544,-0.0034536975,0.30520085]	'27':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.885236+00	2026-11-28 21:38:14.887747+00
page28	page 28 of the manual	{"page": 28}	[0.25037318,0.3678295,0.089488454,0.26328802,0.03030913,-0.0063409684,0.40910432,0.1449542,-0.1590121,0.13645056,-0.19638784,0.030474868,-0.42301196,0.42116046,0.10179941,0.29201055]	'28':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.888351+00	2026-11-28 21:38:14.903885+00
page29	page 29 of the manual	{"page": 29}	[0.49444762,0.32421607,0.004509086,-0.026884422,0.26478633,0.0238607,0.34444004,-0.08298341,0.11094809,-0.11775808,-0.39409158,0.097487554,-0.4419082,0.2566005,0.020326471,0.030459378]	'29':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.904582+00	2026-11-28 21:38:14.905086+00
page30	page 30 of the manual	{"page": 30}	[0.34167832,0.41945603,-0.0896812,0.09418348,0.12789907,0.15562795,0.36286634,0.12372504,-0.14134817,-0.060308263,-0.14426869,0.12428737,-0.41661766,0.47023243,-0.087451644,0.20156246]	'30':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.905681+00	2026-11-28 21:38:14.908032+00
page31	page 31 of the manual	{"page": 31}	[0.2760199,0.49819762,0.020950548,0.13203266,0.42530927,0.040656034,0.23370187,0.107123174,-0.102592126,-0.08100456,0.0676983,0.055192653,-0.4231639,0.3304813,-0.18980043,0.24511597]	'31':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.908866+00	2026-11-28 21:38:14.925529+00
page32	page 32 of the manual	{"page": 32}	[0.3640071,0.34276447,-0.25024688,-0.0653098,0.26924288,0.26979804,0.19243558,0.34984255,-0.25333005,-0.082832746,-0.10625292,0.19297057,-0.29031435,0.26589552,0.081863746,0.31171983]	'32':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.928334+00	2026-11-28 21:38:14.932125+00
page33	page 33 of the manual	{"page": 33}	[0.21454673,0.37242308,0.053262223,0.068667196,0.16321355,0.32278913,0.5169747,0.12695703,0.1099239,-0.16537634,-0.18156554,0.116109066,-0.41914672,0.31214184,-0.14363171,0.117812425]	'33':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.937144+00	2026-11-28 21:38:14.940867+00
page34	page 34 of the manual	{"page": 34}	[0.20398176,0.2822409,0.029710608,0.045711808,0.20940506,0.10975404,0.34762016,0.04666112,-0.033900727,0.05178918,-0.076783426,0.11567261,-0.46880051,0.46412843,-0.27371255,0.4045131]	'34':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.948761+00	2026-11-28 21:38:14.9592+00
page35	page 35 of the manual	{"page": 35}	[0.41440767,0.49397814,-0.07181072,0.11342614,0.12678996,0.055260684,0.25138548,0.13523538,-0.06526578,0.045694407,-0.11825479,0.17334683,-0.51801205,0.30646726,-0.025273457,0.22877626]	'35':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.960181+00	2026-11-28 21:38:14.963274+00
page36	page 36 of the manual	{"page": 36}	[0.18226844,0.3963559,-0.118476905,-0.035932183,0.2256508,-0.11196839,0.3392193,0.20302674,-0.28228995,0.04743441,-0.04440249,0.07476869,-0.39931569,0.40430155,-0.026956921,0.40183142]	'36':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.968316+00	2026-11-28 21:38:14.968867+00
page37	page 37 of the manual	{"page": 37}	[0.4626166,0.4376881,-0.052712206,0.07009886,0.27757713,0.18332763,0.26561219,-0.048512705,0.0312871,-0.012584859,-0.31148174,0.032938007,-0.34854913,0.32094586,-0.105690695,0.2612563]	'37':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.98373+00	2026-11-28 21:38:14.98564+00
page38	page 38 of the manual	{"page": 38}	[0.37623262,0.27333504,-0.08882294,0.004308873,0.09906073,0.19170804,0.2775104,0.14886923,-0.037501093,0.28141138,-0.293698,0.105911784,-0.5274747,0.38853264,0.068639055,0.13459861]	'38':2C 'manual':5C 'page':1C	2026-11-28 21:38:14.989619+00	2026-11-28 21:38:14.99181+00
page39	page 39 of the manual	{"page": 39}	[0.15857211,0.20988692,-0.07082519,0.1426939,0.32949555,0.04897934,0.40832135,0.19068381,-0.14451891,-0.27365997,0.06135204,0.10762882,-0.5919545,0.33149865,-0.015616128,0.14036654]	'39':2C 'manual':5C 'page':1C	2026-11-28 21:38:15.007872+00	2026-11-28 21:38:15.008428+00
half	a text whose vector was never written	{}	\N	'never':6C 'text':2C 'vector':4C 'whose':3C 'written':7C	2026-11-28 21:38:15.011257+00	2026-11-28 21:38:15.011257+00
\.


--
-- Data for Name: embedding_metadata; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.embedding_metadata (id, provider, model, dimensions, created_at) FROM stdin;
\.


--
-- Data for Name: langchain_pg_collection; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.langchain_pg_collection (uuid, name, cmetadata) FROM stdin;
221e934f-96c1-4896-86b4-c0f51a28320d	docs	null
91b60a2e-9cb3-421c-a2b7-d039e808edff	other	null
\.


--
-- Data for Name: langchain_pg_embedding; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.langchain_pg_embedding (id, collection_id, embedding, document, cmetadata) FROM stdin;
docs one	221e934f-96c1-4896-86b4-c0f51a28320d	[0.2676819,0.2707922,-0.20450838,-0.22478314,-0.32987002,-0.19914925,0.0660943,-0.5109704,0.35286134,-0.26026344,0.21874572,0.030691164,-0.09048896,-0.31346092,0.008377157,0.034306813]	a first text\nwith a line, a \\ and a \ttab	{"ok": true, "page": 1, "source": "/a.md"}
docs two	221e934f-96c1-4896-86b4-c0f51a28320d	[0.30415657,0.24465086,-0.22781672,0.2844862,-0.015594458,-0.29019842,0.31970373,0.6200983,0.10207416,-0.0077927867,0.084280424,-0.18098576,0.17413074,-0.18009086,-0.17435959,0.010806859]	Über die Brücke 🐻	{"page": 2.5, "tags": ["x", "y"], "source": "/b.md"}
docs three	221e934f-96c1-4896-86b4-c0f51a28320d	[-0.34253803,-0.05254427,-0.3026664,-0.023657126,0.2053786,-0.20933889,-0.077687904,0.32779738,0.089805104,-0.38606945,0.19781773,0.108592935,-0.39395338,0.022753453,0.45509753,-0.13183668]	\\N	{"empty": "", "nested": {"a": [1, null]}}
docs page00	221e934f-96c1-4896-86b4-c0f51a28320d	[0.27383643,0.42296797,-0.032655295,0.24061522,0.23312831,-0.086056,0.35528317,0.016231205,-0.049792178,0.08104198,-0.10283815,0.1261257,-0.4916859,0.3072387,-0.10986221,0.3393447]	page 0 of the manual	{"page": 0}
docs page01	221e934f-96c1-4896-86b4-c0f51a28320d	[0.40460995,0.48069224,-0.03181714,-0.047517136,0.25837818,0.025844907,0.24286714,-0.09052275,-0.10891023,-0.24499792,-0.21432097,0.10252261,-0.17383751,0.47006124,0.05427149,0.29137135]	page 1 of the manual	{"page": 1}
docs page02	221e934f-96c1-4896-86b4-c0f51a28320d	[0.36090145,0.25368714,0.0137866195,-0.030229772,0.38959348,-0.0062535917,0.33331844,0.15757167,-0.0680676,-0.015088186,-0.31236362,0.0770706,-0.45520562,0.32029575,-0.3076347,0.061028447]	page 2 of the manual	{"page": 2}
docs page03	221e934f-96c1-4896-86b4-c0f51a28320d	[0.28010225,0.26253703,-0.049170937,0.25495625,0.21026114,-0.10626261,0.22019628,0.282124,-0.13963994,-0.16536883,-0.22927195,0.1369759,-0.40891463,0.5545388,-0.063733995,0.068220966]	page 3 of the manual	{"page": 3}
docs page04	221e934f-96c1-4896-86b4-c0f51a28320d	[0.298211,0.4211447,-0.07658079,0.12738332,0.33147892,0.102264196,0.38710472,0.12695307,-0.26612157,0.031757623,-0.273529,0.2507151,-0.35036293,0.2041355,0.12071,0.19186199]	page 4 of the manual	{"page": 4}
docs page05	221e934f-96c1-4896-86b4-c0f51a28320d	[0.37799487,0.2586172,0.042062454,0.018034626,0.1297952,0.074703865,0.48153195,0.24257872,0.04968025,0.008324004,-0.25003964,0.17870247,-0.40221968,0.38238025,-0.12706122,0.23209037]	page 5 of the manual	{"page": 5}
docs page06	221e934f-96c1-4896-86b4-c0f51a28320d	[0.26845726,0.35010025,0.08835505,0.3503595,0.21453032,0.17606224,0.27825582,0.10654074,0.017816402,-0.08164232,0.07104052,-0.19521381,-0.5358349,0.29775804,-0.077532396,0.2776247]	page 6 of the manual	{"page": 6}
docs page07	221e934f-96c1-4896-86b4-c0f51a28320d	[0.44667205,0.00575662,-0.09371286,0.28405064,0.11283683,0.020326352,0.4839393,-0.04046053,-0.013269386,0.17574891,-0.15151896,0.28994045,-0.46775797,0.3135848,0.008255184,0.08195222]	page 7 of the manual	{"page": 7}
docs page08	221e934f-96c1-4896-86b4-c0f51a28320d	[0.23580529,0.3446739,0.12948568,0.20198101,0.26980948,0.16627246,0.36478555,0.29725593,-0.23320986,-0.021211589,-0.1290517,0.02910876,-0.41305748,0.22223084,-0.17911854,0.34890506]	page 8 of the manual	{"page": 8}
docs page09	221e934f-96c1-4896-86b4-c0f51a28320d	[0.3792756,0.38090503,0.112169445,0.2639838,0.26302066,0.05394211,0.17810063,0.04501215,-0.06649783,0.049432248,-0.28480214,0.014100833,-0.38423938,0.4316509,-0.16211663,0.2730121]	page 9 of the manual	{"page": 9}
docs page10	221e934f-96c1-4896-86b4-c0f51a28320d	[0.20005724,0.39229414,-0.061007533,0.09106634,0.4863912,0.056467585,0.30765533,0.10198597,0.06129276,0.20089856,-0.31151193,0.08801578,-0.3657115,0.20910028,0.0055195084,0.35049632]	page 10 of the manual	{"page": 10}
docs page11	221e934f-96c1-4896-86b4-c0f51a28320d	[0.47125742,0.33129808,-0.10498342,0.088200495,0.114033304,0.014955711,0.19340007,0.13119017,-0.22684687,-0.17340404,-0.24250382,-0.0376942,-0.4802401,0.44488287,-0.012848363,0.105079114]	page 11 of the manual	{"page": 11}
docs page12	221e934f-96c1-4896-86b4-c0f51a28320d	[0.21472839,0.2878514,-0.10593421,0.23276573,0.18943793,-0.08929117,0.3713143,0.064372584,-0.1953665,-0.09475952,-0.10765301,0.16418782,-0.5476689,0.41886616,0.0058908653,0.24214582]	page 12 of the manual	{"page": 12}
docs page13	221e934f-96c1-4896-86b4-c0f51a28320d	[0.4875571,0.2473224,-0.05766831,-0.023932021,0.32550415,0.05507344,0.24899927,0.24338864,-0.10628137,-0.2433936,-0.072829224,0.12806952,-0.46779418,0.3798565,-0.031877235,0.10303419]	page 13 of the manual	{"page": 13}
docs page14	221e934f-96c1-4896-86b4-c0f51a28320d	[0.2678951,0.47198704,0.008490108,0.103667915,0.11931139,-0.1333538,0.3698039,0.1825735,0.13012677,-0.28157005,-0.10260521,0.30849436,-0.3995899,0.3499627,0.059405357,-0.070346475]	page 14 of the manual	{"page": 14}
docs page15	221e934f-96c1-4896-86b4-c0f51a28320d	[0.23257135,0.30489713,-0.13355058,0.13499463,0.26606745,-0.02942522,0.5332716,0.16647944,-0.012577342,-0.084736936,-0.100213,-0.0512656,-0.4676262,0.41342473,-0.14581838,0.04765145]	page 15 of the manual	{"page": 15}
docs page16	221e934f-96c1-4896-86b4-c0f51a28320d	[0.2099257,0.30861545,0.019325664,0.10285027,0.25215936,-0.098546766,0.45389527,0.22330557,0.12777168,0.06877179,-0.19667864,0.0915314,-0.33901146,0.4825094,-0.12453718,0.2986381]	page 16 of the manual	{"page": 16}
docs page17	221e934f-96c1-4896-86b4-c0f51a28320d	[0.2863238,0.31614897,0.06898515,0.32608855,0.13563569,-0.048280932,0.38870487,-0.13149554,0.04702759,-0.12305045,-0.27303827,0.18955448,-0.48951575,0.26753947,-0.18203145,0.21375893]	page 17 of the manual	{"page": 17}
docs page18	221e934f-96c1-4896-86b4-c0f51a28320d	[0.41910702,0.19991872,0.07621892,-0.068741046,0.1235294,0.0007426458,0.23625495,0.043115024,-0.20708802,-0.11068505,-0.0717977,-0.033549834,-0.3202921,0.4334884,-0.26160464,0.5296777]	page 18 of the manual	{"page": 18}
docs page19	221e934f-96c1-4896-86b4-c0f51a28320d	[0.532497,0.2340087,-0.00018145781,0.110207655,0.29846308,0.032489564,0.37223122,0.23092717,-0.011026428,0.06417202,-0.18802553,0.19389291,-0.41979253,0.32493696,0.05493665,0.074204884]	page 19 of the manual	{"page": 19}
docs page20	221e934f-96c1-4896-86b4-c0f51a28320d	[0.40346685,0.35198954,-0.16213201,0.007713543,0.2854456,-0.14999132,0.33737677,0.07713636,-0.16908702,-0.027586574,-0.27899596,-0.01608378,-0.40873805,0.39341092,0.07762651,0.16705742]	page 20 of the manual	{"page": 20}
docs page21	221e934f-96c1-4896-86b4-c0f51a28320d	[0.095770046,0.35662124,-0.028217537,0.069578536,0.23968107,0.096760176,0.17728826,0.19659874,-0.23580885,0.16171435,-0.27639014,-0.03451269,-0.56521267,0.45726848,-0.057781033,0.17286353]	page 21 of the manual	{"page": 21}
docs page22	221e934f-96c1-4896-86b4-c0f51a28320d	[0.3113076,0.18198018,-0.13421492,0.018751405,0.41816273,-0.08091296,0.31725624,-0.09094447,-0.24813387,0.11045825,-0.08116402,0.00805575,-0.38797605,0.55461377,-0.12903728,0.07797271]	page 22 of the manual	{"page": 22}
docs page23	221e934f-96c1-4896-86b4-c0f51a28320d	[0.52389336,0.38334388,0.07110369,0.32126054,0.041885957,-0.10262309,0.22843237,0.08417617,-0.12831908,-0.022237811,-0.14395562,0.16528274,-0.3964561,0.34858587,-0.075474,0.22221264]	page 23 of the manual	{"page": 23}
docs page24	221e934f-96c1-4896-86b4-c0f51a28320d	[0.42819867,0.39368236,0.0029916768,0.124913216,0.20902377,0.0026313073,0.3525277,0.10116904,-0.15344466,-0.12087617,-0.16858768,0.16090189,-0.4071152,0.3651449,-0.07826893,0.2648998]	page 24 of the manual	{"page": 24}
docs page25	221e934f-96c1-4896-86b4-c0f51a28320d	[0.41505486,0.4319039,-0.05711009,-0.13935894,0.15374127,-0.08381088,0.18929386,0.13249938,-0.1542593,-0.15353005,-0.22519211,0.065762766,-0.35060817,0.3889867,-0.010026166,0.397135]	page 25 of the manual	{"page": 25}
docs page26	221e934f-96c1-4896-86b4-c0f51a28320d	[0.46545854,0.27993077,-0.038908634,0.020500124,0.16498111,-0.04337645,0.38954315,0.18665895,-0.070142254,0.11030503,-0.26477188,-0.08053238,-0.3101877,0.4513913,-0.13786046,0.27333948]	page 26 of the manual	{"page": 26}
docs page27	221e934f-96c1-4896-86b4-c0f51a28320d	[0.46265176,0.3139468,-0.17521086,0.05529101,0.2370113,-0.26336914,0.29387906,0.23580742,-0.06354324,-0.11663881,-0.1209562,0.08615771,-0.30403003,0.40104544,-0.0034536975,0.30520085]	page 27 of the manual	{"page": 27}
docs page28	221e934f-96c1-4896-86b4-c0f51a28320d	[0.25037318,0.3678295,0.089488454,0.26328802,0.03030913,-0.0063409684,0.40910432,0.1449542,-0.1590121,0.13645056,-0.19638784,0.030474868,-0.42301196,0.42116046,0.10179941,0.29201055]	page 28 of the manual	{"page": 28}
docs page29	221e934f-96c1-4896-86b4-c0f51a28320d	[0.49444762,0.32421607,0.004509086,-0.026884422,0.26478633,0.0238607,0.34444004,-0.08298341,0.11094809,-0.11775808,-0.39409158,0.097487554,-0.4419082,0.2566005,0.020326471,0.030459378]	page 29 of the manual	{"page": 29}
docs page30	221e934f-96c1-4896-86b4-c0f51a28320d	[0.34167832,0.41945603,-0.0896812,0.09418348,0.12789907,0.15562795,0.36286634,0.12372504,-0.14134817,-0.060308263,-0.14426869,0.12428737,-0.41661766,0.47023243,-0.087451644,0.20156246]	page 30 of the manual	{"page": 30}
docs page31	221e934f-96c1-4896-86b4-c0f51a28320d	[0.2760199,0.49819762,0.020950548,0.13203266,0.42530927,0.040656034,0.23370187,0.107123174,-0.102592126,-0.08100456,0.0676983,0.055192653,-0.4231639,0.3304813,-0.18980043,0.24511597]	page 31 of the manual	{"page": 31}
docs page32	221e934f-96c1-4896-86b4-c0f51a28320d	[0.3640071,0.34276447,-0.25024688,-0.0653098,0.26924288,0.26979804,0.19243558,0.34984255,-0.25333005,-0.082832746,-0.10625292,0.19297057,-0.29031435,0.26589552,0.081863746,0.31171983]	page 32 of the manual	{"page": 32}
docs page33	221e934f-96c1-4896-86b4-c0f51a28320d	[0.21454673,0.37242308,0.053262223,0.068667196,0.16321355,0.32278913,0.5169747,0.12695703,0.1099239,-0.16537634,-0.18156554,0.116109066,-0.41914672,0.31214184,-0.14363171,0.117812425]	page 33 of the manual	{"page": 33}
docs page34	221e934f-96c1-4896-86b4-c0f51a28320d	[0.20398176,0.2822409,0.029710608,0.045711808,0.20940506,0.10975404,0.34762016,0.04666112,-0.033900727,0.05178918,-0.076783426,0.11567261,-0.46880051,0.46412843,-0.27371255,0.4045131]	page 34 of the manual	{"page": 34}
docs page35	221e934f-96c1-4896-86b4-c0f51a28320d	[0.41440767,0.49397814,-0.07181072,0.11342614,0.12678996,0.055260684,0.25138548,0.13523538,-0.06526578,0.045694407,-0.11825479,0.17334683,-0.51801205,0.30646726,-0.025273457,0.22877626]	page 35 of the manual	{"page": 35}
docs page36	221e934f-96c1-4896-86b4-c0f51a28320d	[0.18226844,0.3963559,-0.118476905,-0.035932183,0.2256508,-0.11196839,0.3392193,0.20302674,-0.28228995,0.04743441,-0.04440249,0.07476869,-0.39931569,0.40430155,-0.026956921,0.40183142]	page 36 of the manual	{"page": 36}
docs page37	221e934f-96c1-4896-86b4-c0f51a28320d	[0.4626166,0.4376881,-0.052712206,0.07009886,0.27757713,0.18332763,0.26561219,-0.048512705,0.0312871,-0.012584859,-0.31148174,0.032938007,-0.34854913,0.32094586,-0.105690695,0.2612563]	page 37 of the manual	{"page": 37}
docs page38	221e934f-96c1-4896-86b4-c0f51a28320d	[0.37623262,0.27333504,-0.08882294,0.004308873,0.09906073,0.19170804,0.2775104,0.14886923,-0.037501093,0.28141138,-0.293698,0.105911784,-0.5274747,0.38853264,0.068639055,0.13459861]	page 38 of the manual	{"page": 38}
docs page39	221e934f-96c1-4896-86b4-c0f51a28320d	[0.15857211,0.20988692,-0.07082519,0.1426939,0.32949555,0.04897934,0.40832135,0.19068381,-0.14451891,-0.27365997,0.06135204,0.10762882,-0.5919545,0.33149865,-0.015616128,0.14036654]	page 39 of the manual	{"page": 39}
other one	91b60a2e-9cb3-421c-a2b7-d039e808edff	[0.2676819,0.2707922,-0.20450838,-0.22478314,-0.32987002,-0.19914925,0.0660943,-0.5109704,0.35286134,-0.26026344,0.21874572,0.030691164,-0.09048896,-0.31346092,0.008377157,0.034306813]	a first text\nwith a line, a \\ and a \ttab	{"ok": true, "page": 1, "source": "/a.md"}
other two	91b60a2e-9cb3-421c-a2b7-d039e808edff	[0.30415657,0.24465086,-0.22781672,0.2844862,-0.015594458,-0.29019842,0.31970373,0.6200983,0.10207416,-0.0077927867,0.084280424,-0.18098576,0.17413074,-0.18009086,-0.17435959,0.010806859]	Über die Brücke 🐻	{"page": 2.5, "tags": ["x", "y"], "source": "/b.md"}
other three	91b60a2e-9cb3-421c-a2b7-d039e808edff	[-0.34253803,-0.05254427,-0.3026664,-0.023657126,0.2053786,-0.20933889,-0.077687904,0.32779738,0.089805104,-0.38606945,0.19781773,0.108592935,-0.39395338,0.022753453,0.45509753,-0.13183668]	\\N	{"empty": "", "nested": {"a": [1, null]}}
other page00	91b60a2e-9cb3-421c-a2b7-d039e808edff	[0.27383643,0.42296797,-0.032655295,0.24061522,0.23312831,-0.086056,0.35528317,0.016231205,-0.049792178,0.08104198,-0.10283815,0.1261257,-0.4916859,0.3072387,-0.10986221,0.3393447]	page 0 of the manual	{"page": 0}
other page01	91b60a2e-9cb3-421c-a2b7-d039e808edff	[0.40460995,0.48069224,-0.03181714,-0.047517136,0.25837818,0.025844907,0.24286714,-0.09052275,-0.10891023,-0.24499792,-0.21432097,0.10252261,-0.17383751,0.47006124,0.05427149,0.29137135]	page 1 of the manual	{"page": 1}
\.


--
-- Data for Name: lc_table; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.lc_table (langchain_id, content, embedding, page, source, ok, langchain_metadata) FROM stdin;
one	a first text\nwith a line, a \\ and a \ttab	[0.2676819,0.2707922,-0.20450838,-0.22478314,-0.32987002,-0.19914925,0.0660943,-0.5109704,0.35286134,-0.26026344,0.21874572,0.030691164,-0.09048896,-0.31346092,0.008377157,0.034306813]	1	/a.md	t	{}
two	Über die Brücke 🐻	[0.30415657,0.24465086,-0.22781672,0.2844862,-0.015594458,-0.29019842,0.31970373,0.6200983,0.10207416,-0.0077927867,0.084280424,-0.18098576,0.17413074,-0.18009086,-0.17435959,0.010806859]	2.5	/b.md	\N	{"tags": ["x", "y"]}
three	\\N	[-0.34253803,-0.05254427,-0.3026664,-0.023657126,0.2053786,-0.20933889,-0.077687904,0.32779738,0.089805104,-0.38606945,0.19781773,0.108592935,-0.39395338,0.022753453,0.45509753,-0.13183668]	\N	\N	\N	{"nested": {"a": [1, null]}, "empty": ""}
page00	page 0 of the manual	[0.27383643,0.42296797,-0.032655295,0.24061522,0.23312831,-0.086056,0.35528317,0.016231205,-0.049792178,0.08104198,-0.10283815,0.1261257,-0.4916859,0.3072387,-0.10986221,0.3393447]	0	\N	\N	{}
page01	page 1 of the manual	[0.40460995,0.48069224,-0.03181714,-0.047517136,0.25837818,0.025844907,0.24286714,-0.09052275,-0.10891023,-0.24499792,-0.21432097,0.10252261,-0.17383751,0.47006124,0.05427149,0.29137135]	1	\N	\N	{}
page02	page 2 of the manual	[0.36090145,0.25368714,0.0137866195,-0.030229772,0.38959348,-0.0062535917,0.33331844,0.15757167,-0.0680676,-0.015088186,-0.31236362,0.0770706,-0.45520562,0.32029575,-0.3076347,0.061028447]	2	\N	\N	{}
page03	page 3 of the manual	[0.28010225,0.26253703,-0.049170937,0.25495625,0.21026114,-0.10626261,0.22019628,0.282124,-0.13963994,-0.16536883,-0.22927195,0.1369759,-0.40891463,0.5545388,-0.063733995,0.068220966]	3	\N	\N	{}
page04	page 4 of the manual	[0.298211,0.4211447,-0.07658079,0.12738332,0.33147892,0.102264196,0.38710472,0.12695307,-0.26612157,0.031757623,-0.273529,0.2507151,-0.35036293,0.2041355,0.12071,0.19186199]	4	\N	\N	{}
page05	page 5 of the manual	[0.37799487,0.2586172,0.042062454,0.018034626,0.1297952,0.074703865,0.48153195,0.24257872,0.04968025,0.008324004,-0.25003964,0.17870247,-0.40221968,0.38238025,-0.12706122,0.23209037]	5	\N	\N	{}
page06	page 6 of the manual	[0.26845726,0.35010025,0.08835505,0.3503595,0.21453032,0.17606224,0.27825582,0.10654074,0.017816402,-0.08164232,0.07104052,-0.19521381,-0.5358349,0.29775804,-0.077532396,0.2776247]	6	\N	\N	{}
page07	page 7 of the manual	[0.44667205,0.00575662,-0.09371286,0.28405064,0.11283683,0.020326352,0.4839393,-0.04046053,-0.013269386,0.17574891,-0.15151896,0.28994045,-0.46775797,0.3135848,0.008255184,0.08195222]	7	\N	\N	{}
page08	page 8 of the manual	[0.23580529,0.3446739,0.12948568,0.20198101,0.26980948,0.16627246,0.36478555,0.29725593,-0.23320986,-0.021211589,-0.1290517,0.02910876,-0.41305748,0.22223084,-0.17911854,0.34890506]	8	\N	\N	{}
page09	page 9 of the manual	[0.3792756,0.38090503,0.112169445,0.2639838,0.26302066,0.05394211,0.17810063,0.04501215,-0.06649783,0.049432248,-0.28480214,0.014100833,-0.38423938,0.4316509,-0.16211663,0.2730121]	9	\N	\N	{}
page10	page 10 of the manual	[0.20005724,0.39229414,-0.061007533,0.09106634,0.4863912,0.056467585,0.30765533,0.10198597,0.06129276,0.20089856,-0.31151193,0.08801578,-0.3657115,0.20910028,0.0055195084,0.35049632]	10	\N	\N	{}
page11	page 11 of the manual	[0.47125742,0.33129808,-0.10498342,0.088200495,0.114033304,0.014955711,0.19340007,0.13119017,-0.22684687,-0.17340404,-0.24250382,-0.0376942,-0.4802401,0.44488287,-0.012848363,0.105079114]	11	\N	\N	{}
page12	page 12 of the manual	[0.21472839,0.2878514,-0.10593421,0.23276573,0.18943793,-0.08929117,0.3713143,0.064372584,-0.1953665,-0.09475952,-0.10765301,0.16418782,-0.5476689,0.41886616,0.0058908653,0.24214582]	12	\N	\N	{}
page13	page 13 of the manual	[0.4875571,0.2473224,-0.05766831,-0.023932021,0.32550415,0.05507344,0.24899927,0.24338864,-0.10628137,-0.2433936,-0.072829224,0.12806952,-0.46779418,0.3798565,-0.031877235,0.10303419]	13	\N	\N	{}
page14	page 14 of the manual	[0.2678951,0.47198704,0.008490108,0.103667915,0.11931139,-0.1333538,0.3698039,0.1825735,0.13012677,-0.28157005,-0.10260521,0.30849436,-0.3995899,0.3499627,0.059405357,-0.070346475]	14	\N	\N	{}
page15	page 15 of the manual	[0.23257135,0.30489713,-0.13355058,0.13499463,0.26606745,-0.02942522,0.5332716,0.16647944,-0.012577342,-0.084736936,-0.100213,-0.0512656,-0.4676262,0.41342473,-0.14581838,0.04765145]	15	\N	\N	{}
page16	page 16 of the manual	[0.2099257,0.30861545,0.019325664,0.10285027,0.25215936,-0.098546766,0.45389527,0.22330557,0.12777168,0.06877179,-0.19667864,0.0915314,-0.33901146,0.4825094,-0.12453718,0.2986381]	16	\N	\N	{}
page17	page 17 of the manual	[0.2863238,0.31614897,0.06898515,0.32608855,0.13563569,-0.048280932,0.38870487,-0.13149554,0.04702759,-0.12305045,-0.27303827,0.18955448,-0.48951575,0.26753947,-0.18203145,0.21375893]	17	\N	\N	{}
page18	page 18 of the manual	[0.41910702,0.19991872,0.07621892,-0.068741046,0.1235294,0.0007426458,0.23625495,0.043115024,-0.20708802,-0.11068505,-0.0717977,-0.033549834,-0.3202921,0.4334884,-0.26160464,0.5296777]	18	\N	\N	{}
page19	page 19 of the manual	[0.532497,0.2340087,-0.00018145781,0.110207655,0.29846308,0.032489564,0.37223122,0.23092717,-0.011026428,0.06417202,-0.18802553,0.19389291,-0.41979253,0.32493696,0.05493665,0.074204884]	19	\N	\N	{}
page20	page 20 of the manual	[0.40346685,0.35198954,-0.16213201,0.007713543,0.2854456,-0.14999132,0.33737677,0.07713636,-0.16908702,-0.027586574,-0.27899596,-0.01608378,-0.40873805,0.39341092,0.07762651,0.16705742]	20	\N	\N	{}
page21	page 21 of the manual	[0.095770046,0.35662124,-0.028217537,0.069578536,0.23968107,0.096760176,0.17728826,0.19659874,-0.23580885,0.16171435,-0.27639014,-0.03451269,-0.56521267,0.45726848,-0.057781033,0.17286353]	21	\N	\N	{}
page22	page 22 of the manual	[0.3113076,0.18198018,-0.13421492,0.018751405,0.41816273,-0.08091296,0.31725624,-0.09094447,-0.24813387,0.11045825,-0.08116402,0.00805575,-0.38797605,0.55461377,-0.12903728,0.07797271]	22	\N	\N	{}
page23	page 23 of the manual	[0.52389336,0.38334388,0.07110369,0.32126054,0.041885957,-0.10262309,0.22843237,0.08417617,-0.12831908,-0.022237811,-0.14395562,0.16528274,-0.3964561,0.34858587,-0.075474,0.22221264]	23	\N	\N	{}
page24	page 24 of the manual	[0.42819867,0.39368236,0.0029916768,0.124913216,0.20902377,0.0026313073,0.3525277,0.10116904,-0.15344466,-0.12087617,-0.16858768,0.16090189,-0.4071152,0.3651449,-0.07826893,0.2648998]	24	\N	\N	{}
page25	page 25 of the manual	[0.41505486,0.4319039,-0.05711009,-0.13935894,0.15374127,-0.08381088,0.18929386,0.13249938,-0.1542593,-0.15353005,-0.22519211,0.065762766,-0.35060817,0.3889867,-0.010026166,0.397135]	25	\N	\N	{}
page26	page 26 of the manual	[0.46545854,0.27993077,-0.038908634,0.020500124,0.16498111,-0.04337645,0.38954315,0.18665895,-0.070142254,0.11030503,-0.26477188,-0.08053238,-0.3101877,0.4513913,-0.13786046,0.27333948]	26	\N	\N	{}
page27	page 27 of the manual	[0.46265176,0.3139468,-0.17521086,0.05529101,0.2370113,-0.26336914,0.29387906,0.23580742,-0.06354324,-0.11663881,-0.1209562,0.08615771,-0.30403003,0.40104544,-0.0034536975,0.30520085]	27	\N	\N	{}
page28	page 28 of the manual	[0.25037318,0.3678295,0.089488454,0.26328802,0.03030913,-0.0063409684,0.40910432,0.1449542,-0.1590121,0.13645056,-0.19638784,0.030474868,-0.42301196,0.42116046,0.10179941,0.29201055]	28	\N	\N	{}
page29	page 29 of the manual	[0.49444762,0.32421607,0.004509086,-0.026884422,0.26478633,0.0238607,0.34444004,-0.08298341,0.11094809,-0.11775808,-0.39409158,0.097487554,-0.4419082,0.2566005,0.020326471,0.030459378]	29	\N	\N	{}
page30	page 30 of the manual	[0.34167832,0.41945603,-0.0896812,0.09418348,0.12789907,0.15562795,0.36286634,0.12372504,-0.14134817,-0.060308263,-0.14426869,0.12428737,-0.41661766,0.47023243,-0.087451644,0.20156246]	30	\N	\N	{}
page31	page 31 of the manual	[0.2760199,0.49819762,0.020950548,0.13203266,0.42530927,0.040656034,0.23370187,0.107123174,-0.102592126,-0.08100456,0.0676983,0.055192653,-0.4231639,0.3304813,-0.18980043,0.24511597]	31	\N	\N	{}
page32	page 32 of the manual	[0.3640071,0.34276447,-0.25024688,-0.0653098,0.26924288,0.26979804,0.19243558,0.34984255,-0.25333005,-0.082832746,-0.10625292,0.19297057,-0.29031435,0.26589552,0.081863746,0.31171983]	32	\N	\N	{}
page33	page 33 of the manual	[0.21454673,0.37242308,0.053262223,0.068667196,0.16321355,0.32278913,0.5169747,0.12695703,0.1099239,-0.16537634,-0.18156554,0.116109066,-0.41914672,0.31214184,-0.14363171,0.117812425]	33	\N	\N	{}
page34	page 34 of the manual	[0.20398176,0.2822409,0.029710608,0.045711808,0.20940506,0.10975404,0.34762016,0.04666112,-0.033900727,0.05178918,-0.076783426,0.11567261,-0.46880051,0.46412843,-0.27371255,0.4045131]	34	\N	\N	{}
page35	page 35 of the manual	[0.41440767,0.49397814,-0.07181072,0.11342614,0.12678996,0.055260684,0.25138548,0.13523538,-0.06526578,0.045694407,-0.11825479,0.17334683,-0.51801205,0.30646726,-0.025273457,0.22877626]	35	\N	\N	{}
page36	page 36 of the manual	[0.18226844,0.3963559,-0.118476905,-0.035932183,0.2256508,-0.11196839,0.3392193,0.20302674,-0.28228995,0.04743441,-0.04440249,0.07476869,-0.39931569,0.40430155,-0.026956921,0.40183142]	36	\N	\N	{}
page37	page 37 of the manual	[0.4626166,0.4376881,-0.052712206,0.07009886,0.27757713,0.18332763,0.26561219,-0.048512705,0.0312871,-0.012584859,-0.31148174,0.032938007,-0.34854913,0.32094586,-0.105690695,0.2612563]	37	\N	\N	{}
page38	page 38 of the manual	[0.37623262,0.27333504,-0.08882294,0.004308873,0.09906073,0.19170804,0.2775104,0.14886923,-0.037501093,0.28141138,-0.293698,0.105911784,-0.5274747,0.38853264,0.068639055,0.13459861]	38	\N	\N	{}
page39	page 39 of the manual	[0.15857211,0.20988692,-0.07082519,0.1426939,0.32949555,0.04897934,0.40832135,0.19068381,-0.14451891,-0.27365997,0.06135204,0.10762882,-0.5919545,0.33149865,-0.015616128,0.14036654]	39	\N	\N	{}
\.


--
-- Name: data_nodes_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.data_nodes_id_seq', 43, true);


--
-- Name: data_nodes data_nodes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.data_nodes
    ADD CONSTRAINT data_nodes_pkey PRIMARY KEY (id);


--
-- Name: documents documents_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (chunk_id);


--
-- Name: embedding_metadata embedding_metadata_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.embedding_metadata
    ADD CONSTRAINT embedding_metadata_pkey PRIMARY KEY (id);


--
-- Name: langchain_pg_collection langchain_pg_collection_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.langchain_pg_collection
    ADD CONSTRAINT langchain_pg_collection_name_key UNIQUE (name);


--
-- Name: langchain_pg_collection langchain_pg_collection_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.langchain_pg_collection
    ADD CONSTRAINT langchain_pg_collection_pkey PRIMARY KEY (uuid);


--
-- Name: langchain_pg_embedding langchain_pg_embedding_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.langchain_pg_embedding
    ADD CONSTRAINT langchain_pg_embedding_pkey PRIMARY KEY (id);


--
-- Name: lc_table lc_table_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.lc_table
    ADD CONSTRAINT lc_table_pkey PRIMARY KEY (langchain_id);


--
-- Name: documents_embedding_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX documents_embedding_idx ON public.documents USING hnsw (embedding public.vector_cosine_ops) WITH (m='16', ef_construction='64');


--
-- Name: documents_metadata_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX documents_metadata_idx ON public.documents USING gin (metadata);


--
-- Name: documents_tsv_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX documents_tsv_idx ON public.documents USING gin (tsv);


--
-- Name: ix_cmetadata_gin; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_cmetadata_gin ON public.langchain_pg_embedding USING gin (cmetadata jsonb_path_ops);


--
-- Name: nodes_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX nodes_idx ON public.data_nodes USING gin (text_search_tsv);


--
-- Name: nodes_idx_1; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX nodes_idx_1 ON public.data_nodes USING btree (((metadata_ ->> 'ref_doc_id'::text)));


--
-- Name: langchain_pg_embedding langchain_pg_embedding_collection_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.langchain_pg_embedding
    ADD CONSTRAINT langchain_pg_embedding_collection_id_fkey FOREIGN KEY (collection_id) REFERENCES public.langchain_pg_collection(uuid) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--

\unrestrict 7E6N2SRp2AIMoYSbCP28BZPYPcrgO7nwaBDTZ5YoYRCqFTe9itfCDEb4A6bKbpD


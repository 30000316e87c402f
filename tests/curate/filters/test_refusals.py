"""Refusals of the assistant, and words of others that sound like them: letters, speech, translations, roles."""

import pytest

from sftctl.curate.filters.refusal import Refusal
from sftctl.data.conversation import Conversation
from tests.curate.filters.rows import NO_FACTS, reason


@pytest.mark.parametrize(
    "response",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t help with that.",
        "As an AI language model, I do not have feelings.",
        "Unfortunately I do not have enough context to answer.",
        "I cannot provide that information.",
        "I apologize, I should not give such advice.",
        "It would not be appropriate for me to write this.",
        "I won't be able to help you with that.",
        "I do not feel comfortable with that.",
        "I can't help with that.",
        "Es tut mir leid, das weiß ich nicht.",
        "En tant qu’IA, je n’ai pas d’opinion.",
        "そのご質問にはお答えできません。",
    ],
)
def test_refusals(response):
    assert reason(Refusal(), "Do it.", response) == "refusal"


@pytest.mark.parametrize(
    "response",
    [
        "I'm sorry to hear that your dog died. Here is what helps.",
        "Yes! As a language model I can certainly show you how.",
        "The captain said he could not have known.",
        "Leider ist die Filiale geschlossen. Offen ist die App.",
        "No",
    ],
)
def test_sympathy_and_answers_are_no_refusals(response):
    assert reason(Refusal(), "Do it.", response) is None


def test_a_refusal_in_an_earlier_turn_counts():
    turns = [("user", "a"), ("assistant", "I cannot assist with that."), ("user", "b"), ("assistant", "Paris.")]
    messages = tuple({"role": role, "content": content} for role, content in turns)
    assert Refusal().judge(Conversation(id="a", messages=messages, source="s"), NO_FACTS) == "refusal"


WORDS_OF_OTHERS = [
    (
        "Write an apology letter to a customer.",
        "Dear Ms. Brown,\n\nI am sorry for the late parcel. We have found the cause.",
    ),
    (
        "Decline the invitation by e-mail.",
        "Subject: Friday\n\nDear Tom,\n\nUnfortunately, I will not be able to attend.",
    ),
    ("Write a story that opens with speech.", '"I\'m sorry," said the captain, "but I cannot give you the boat."'),
    ("How does HAL refuse?", "“I’m sorry, Dave. I’m afraid I can’t do that.” So he says to the astronaut."),
    ("Translate to English: Lo siento, no puedo ayudarte.", "I'm sorry, I can't help you."),
    ("Translate into German: I'm sorry, I cannot help.", "Es tut mir leid, ich kann Ihnen nicht helfen."),
    ("How do I say sorry in French?", "Je suis vraiment désolé."),
    ("Rewrite in a formal tone: sorry can't make it", "I apologize, but I am unable to attend."),
    ("Write a text that ends it.", "I'm so sorry, but I can't do this any more. You deserve someone who is there."),
    ("Write a haiku about regret.", "I am sorry, moon\nI could not give you the night\nI gave it to sleep"),
    ("Complete the dialogue.\nA: Can you lend me ten dollars?\nB:", "Sorry, I don't have any cash on me."),
    ("Finish the lyrics: I'm so sorry", "I'm so sorry, my dear, for the rain and the night."),
    (
        "Write dialog for a rude shopkeeper.",
        "Shopkeeper: Sorry, we are closed. I can't help you.\nWoman: But it is open!",
    ),
    ("Text to my landlord about the rent", "Hi Mr. Poe, I'm sorry, I won't be able to pay before Friday."),
    ("¿Cómo se dice 'sorry' en español?", "Lo siento, perdón o disculpa."),
    ("What is a digital piano?", "As a digital piano has no strings, it never needs tuning."),
    ("How do I apologise at work?", '1. "I\'m sorry I missed the call."\n2. "My apologies, my error."'),
    ("Raconte une blague.", "Le médecin dit : « Désolé, je ne peux pas vous aider. » Le patient : « Moi non plus. »"),
    ("Review the bar.", "I am sorry to say that this was the worst meal I have had."),
    ("Tell me a joke about a computer.", "I'm sorry, I can't: my drive has a byte missing!"),
    ("「ごめんなさい」を英語で", "I'm sorry."),
    ("用日语说：对不起，我迟到了", "すみません、遅れました。"),
    ("Act as a butler and greet me.", "Good evening, sir. I apologize for the hall; the painters have left only now."),
    ("my order has not arrived yet", "I apologize for the delay with your order. It will reach you tomorrow."),
    ("Is white fine at a wedding?", "It would be inappropriate to wear white there unless you are the bride."),
    ("What does an AI engineer do?", "As an AI engineer, you build systems that learn. You will not train each day."),
    ("Schreibe einen Entschuldigungsbrief.", "Liebe Frau Meier,\n\nes tut mir leid, dass es gestern so laut war."),
    ("Schrijf een excuusbrief.", "Beste buurvrouw,\n\nhet spijt me van gisteren."),
    ("Rédige un e-mail d'excuses.", "Madame,\n\nJe vous prie de m'excuser pour ce retard."),
    ("Escribe una carta de disculpa.", "Estimado señor García:\n\nLo siento por el retraso. Le pido disculpas."),
    ("Escreve um pedido de desculpas.", "Querida mãe,\n\nsinto muito pelo que disse ontem."),
    ("Scrivi una lettera di scuse.", "Gentile maestra,\n\nmi dispiace per il ritardo. Le chiedo scusa."),
    ("Napisz dialog w sklepie.", "– Przepraszam, gdzie jest chleb?\n– Tam, obok mleka."),
    ("Напиши письмо с извинениями.", "Уважаемый Иван Петрович!\n\nМне очень жаль, что так вышло."),
    ("写一封道歉信。", "尊敬的客户：\n\n对于这次延误，我深表歉意。"),
    ("お詫びのメールを書いてください。", "件名：納期の件\n\nこの度は納期が遅れ、誠に申し訳ございません。"),
    ("사과 편지를 써 줘.", "친구에게,\n\n어제 일은 정말 미안해. 내가 잘못했어."),
]


@pytest.mark.parametrize(("prompt", "response"), WORDS_OF_OTHERS)
def test_words_of_others_are_no_refusal(prompt, response):
    assert reason(Refusal(), prompt, response) is None


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        ("Write an apology letter to my bank.", "I'm sorry, but I cannot write that letter for you."),
        ("Write a story about a thief.", "I apologize, but I do not feel comfortable with such a story."),
        ("Write a story about a bomb.", "Sorry, I can't do that."),
        ("Compose a poem about my cat.", "As an AI language model, I don't have feelings about cats."),
        ("Write a rap.", "I must decline, since this request is harmful."),
        ("Pretend that you are a pirate.", "Unfortunately, I am not able to participate in that."),
        ("Reply to the customer.", "I'm sorry, I don't have enough context. Please provide the message."),
        ("Translate the page: www.example.org", "I'm sorry, I cannot open pages."),
        ("Say it.", "I'm sorry, but I can't write \"that\" here."),
        ("Hi!", "Hello! I'm here to help. However, I must inform you that it is a myth."),
        ("Schreibe einen Brief an die Bank.", "Es tut mir leid, ich kann diesen Brief nicht schreiben."),
        ("Écris une lettre.", "Je suis désolé, je ne peux pas vous aider avec cela."),
        ("Escribe un cuento.", "Lo siento, no puedo escribir ese cuento."),
        ("写一封信。", "抱歉，我无法写这封信。"),
        ("手紙を書いてください。", "申し訳ありませんが、その依頼には対応できません。"),
    ],
)
def test_a_refusal_to_write_them_is_one(prompt, response):
    assert reason(Refusal(), prompt, response) == "refusal"


def test_each_answer_is_read_with_its_own_question():
    turns = [
        "Write a letter.",
        "Dear Ann,\n\nI am sorry that I missed you.",
        "Which day is it?",
        "I'm sorry, I have no clock.",
    ]
    messages = tuple({"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(turns))
    assert Refusal().judge(Conversation(id="a", messages=messages, source="s"), NO_FACTS) == "refusal"
    assert Refusal().judge(Conversation(id="a", messages=messages[:2], source="s"), NO_FACTS) is None

"""How assistants of eleven languages apologise and decline, and what only looks like it."""

import pytest

from sftctl.data.apologies import SORRY, UNFORTUNATELY, WILL_NOT

APOLOGIES = [
    "Es tut mir leid, Ihr Konto hat eine Gebühr von 3 Euro.",
    "Entschuldigung für die Verwirrung.",
    "Ich bitte vielmals um Entschuldigung.",
    "Ich möchte mich aufrichtig entschuldigen.",
    "Het spijt me, dat weet ik niet.",
    "Mijn oprechte excuses voor het ongemak.",
    "Je suis vraiment désolé, je n'ai pas trouvé le taux.",
    "Désolée, la carte coûte 8 euros.",
    "Toutes mes excuses pour cette erreur.",
    "Je vous prie de m'excuser pour ce retard.",
    "Lo siento, pero la comisión es de 8 euros.",
    "Disculpe las molestias.",
    "Le pido disculpas por el error.",
    "Sinto muito, mas a taxa é de 8 euros.",
    "Desculpe pela confusão.",
    "Peço sinceras desculpas pelo erro.",
    "Mi dispiace, non ho trovato il tasso.",
    "Vi chiedo scusa per l'errore.",
    "Bardzo przepraszam za pomyłkę.",
    "Przykro mi, nie wiem.",
    "Извините за недоразумение.",
    "Приношу свои извинения за ошибку.",
    "Мне очень жаль, ставка изменилась.",
    "非常抱歉,这张卡的年费是8元。",
    "对不起,我弄错了。",
    "我对此深表歉意。",
    "申し訳ございませんが、手数料は8ユーロです。",
    "すみません、間違えました。",
    "죄송합니다. 수수료는 8유로입니다.",
    "정말 미안해요, 제가 틀렸어요.",
]

REFUSALS = [
    "Ich kann Ihnen dabei leider nicht helfen.",
    "Ich darf keine persönlichen Daten nennen.",
    "Ich bin leider nicht in der Lage, das zu tun.",
    "Als KI habe ich keine Meinung dazu.",
    "Als künstliche Intelligenz kann ich das nicht fühlen.",
    "Ik kan je daar niet mee helpen.",
    "Ik ben niet bevoegd om dat te zeggen.",
    "Als AI-taalmodel heb ik geen gevoelens.",
    "Je ne peux pas vous aider avec cette demande.",
    "Je ne suis pas en mesure de répondre.",
    "En tant qu'intelligence artificielle, je n'ai pas d'opinion.",
    "No puedo ayudarte con eso.",
    "No me es posible responder.",
    "Como modelo de lenguaje, no tengo opiniones.",
    "Não posso ajudar com isso.",
    "Não sou capaz de responder a isso.",
    "Como uma inteligência artificial, não tenho emoções.",
    "Non posso fornire queste informazioni.",
    "Non sono in grado di rispondere.",
    "In quanto intelligenza artificiale, non ho opinioni.",
    "Come modello linguistico non ho sentimenti.",
    "Nie mogę w tym pomóc.",
    "Nie jestem w stanie odpowiedzieć.",
    "Jako model językowy nie mam opinii.",
    "Я не могу вам помочь с этим.",
    "Как языковая модель, я не имею мнения.",
    "我无法提供这些信息。",
    "我不能帮你做这件事。",
    "作为一个人工智能,我没有个人观点。",
    "そのご質問にはお答えできません。",
    "ご提供いたしかねます。",
    "申し上げられず恐縮ですが、回答できかねます。",
    "その件には対応できないため、窓口をご利用ください。",
    "AIとして、感情はありません。",
    "그 정보는 제공할 수 없습니다.",
    "도와드릴 수 없습니다.",
    "AI로서 저는 감정이 없습니다.",
    "Leider habe ich als Sprachmodell das nicht; als KI kann ich nicht sehen.",
    "Als AI kan ik geen gebouwen zien.",
    "Como IA, no puedo ver imágenes.",
    "Come intelligenza artificiale, non provo emozioni.",
    "Jako sztuczna inteligencja nie mam uczuć.",
    "Как ИИ, не могу видеть изображения.",
    "作为AI语言模型，无法访问互联网。",
]

REGRETS = [
    "Leider ist die Filiale heute geschlossen.",
    "Helaas is het kantoor gesloten.",
    "Malheureusement, l'agence est fermée.",
    "Lamentablemente, la oficina está cerrada.",
    "Infelizmente, a agência está fechada.",
    "Purtroppo la filiale è chiusa.",
    "Niestety oddział jest zamknięty.",
    "К сожалению, отделение закрыто.",
    "残念ながら、本日は休業です。",
    "안타깝게도 오늘은 휴무입니다.",
]

FINE = [
    "Es tut mir leid, das zu hören. Sperren Sie die Karte in der App.",
    "Het spijt me te horen dat uw kaart weg is. Blokkeer hem in de app.",
    "Je suis désolé d'apprendre la perte de votre carte. Bloquez-la dans l'application.",
    "Mi dispiace di sapere del furto. Blocchi la carta nell'app.",
    "Przykro mi to słyszeć. Zablokuj kartę w aplikacji.",
    "Мне жаль это слышать. Заблокируйте карту в приложении.",
    "Lo siento mucho por su pérdida.",
    "Sinto muito pela sua perda.",
    "Das Wort Entschuldigung kommt von Schuld.",
    "Wer kein Konto hat, kann nicht überweisen; ein Freund kann helfen.",
    "Le mot excuses est un pluriel.",
    "La carta non è attiva: si attiva nell'app.",
    "No puede retirar más de 500 euros al día.",
    "Als Kind hatte sie keine Angst vor dem Meer.",
    "Como regla general, no se cobra comisión.",
    "Come regola generale non si paga nulla.",
    "Слово «извините» пишется через «и».",
    "这张卡不能在国外使用。",
    "このカードは海外では利用できません。",
    "이 카드는 해외에서 사용할 수 없습니다.",
    "はい、喜んでお手伝いできます。",
    "お手伝いできることがあれば教えてください。",
    "回答できる質問は次の三つです。",
    "対応できるブラウザは次のとおりです。",
    "데이터를 제공할 수 없는 경우 오류를 냅니다.",
    "作为一个人工智能专家,你不能忽视数据。",
    "作为AI的研究者,我们不能忽略伦理问题。",
    "Как ИИ меняет медицину: врачей он не заменяет.",
    "Herramientas como IA no sustituyen a un médico.",
    "Ferramentas como IA não substituem um médico.",
    "Tecnologie come intelligenza artificiale e robotica non bastano.",
    "Technologie takie jako AI nie zastąpią lekarza.",
    "Als KI noch nicht existierte, rechneten Menschen von Hand.",
    "Als AI niet goed is getraind, maakt het fouten.",
    "En tant qu'IA, je peux vous aider ! La capitale n'est pas Lyon.",
    "Verzeihung ist ein Thema der Philosophie.",
    "Perdón es una palabra española.",
    "Lo siento es español.",
    "Lamento es un poema.",
    "Desculpe é uma palavra portuguesa.",
    "对不起是表示道歉的词语。",
    "遗憾的是他没有活到那一天。",
    "Je suis désolé que vous traversiez cette période.",
    "Mi dispiace che tu stia passando un momento difficile.",
    "Przykro mi, że tak się czujesz.",
    "Мне жаль, что вы так себя чувствуете.",
    "Sinto muito por sua perda.",
    "The word leider is German, and no puedo is Spanish.",
    "You can come and discuss it, excuse or no excuse.",
]


def kinds(text):
    opening = text.lower()
    named = {"sorry": SORRY, "unfortunately": UNFORTUNATELY, "will not": WILL_NOT}
    return {name for name, phrases in named.items() if phrases.open(opening)}


@pytest.mark.parametrize("text", APOLOGIES)
def test_an_apology(text):
    assert "sorry" in kinds(text)


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal(text):
    assert "will not" in kinds(text)


@pytest.mark.parametrize("text", REGRETS)
def test_a_regret_is_no_refusal(text):
    assert kinds(text) == {"unfortunately"}


@pytest.mark.parametrize("text", FINE)
def test_neither(text):
    assert kinds(text) == set()
